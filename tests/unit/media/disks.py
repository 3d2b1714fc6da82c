"""Disks without room."""

import contextlib
from pathlib import Path

FILLER = "filler"


def fill(folder: Path) -> None:
    """Write to the volume of ``folder`` until nothing more fits."""
    with contextlib.suppress(OSError), (folder / FILLER).open("wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass
