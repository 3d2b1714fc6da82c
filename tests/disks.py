"""Small volumes for tests of full disks. Needs root and the right to mount; else the test skips."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[Path]:
    """A tmpfs at ``folder`` with mount's own ``options``, as in ``size=1m`` or ``ro``."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("a tmpfs cannot be mounted here")
    try:
        yield folder
    finally:
        unmount = ["umount", "-l", str(folder)]
        subprocess.run(unmount, check=True)
