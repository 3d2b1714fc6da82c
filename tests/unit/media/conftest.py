from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.disks import mounted


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A volume of 256 KiB."""
    with mounted(tmp_path / "small", "size=256k") as folder:
        yield folder
