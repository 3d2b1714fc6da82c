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
    _try("mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder))
    try:
        yield folder
    finally:
        _run("umount", "-l", str(folder))


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """No path below ``folder`` can be written meanwhile; files that are open stay so."""
    _try("mount", "--bind", str(folder), str(folder))
    try:
        _try("mount", "-o", "remount,bind,ro", str(folder))
        yield
    finally:
        _run("umount", "-l", str(folder))


@contextmanager
def moved_away(folder: Path) -> Iterator[Path]:
    """The folder has another name meanwhile; it comes back in place of what was made there."""
    away = folder.with_name(f"{folder.name}-away")
    folder.rename(away)
    try:
        yield away
    finally:
        assert not folder.exists(), "something was made where the folder was"
        away.rename(folder)


@contextmanager
def under_a_mount(folder: Path) -> Iterator[None]:
    """The folder's place is that of an empty disk meanwhile, as when its own mount is gone."""
    _try("mount", "-t", "tmpfs", "tmpfs", str(folder))
    try:
        yield
        made = [path for path in folder.iterdir() if not path.name.startswith(".")]
        assert made == [], "a video was made where the mount was"
    finally:
        _run("umount", "-l", str(folder))


@contextmanager
def freezable(folder: Path) -> Iterator[Path]:
    """A small ext4 at ``folder``; see ``frozen``."""
    image = folder.with_name(f"{folder.name}.img")
    with image.open("wb") as file:
        file.truncate(32 * 1024**2)
    folder.mkdir()
    _try("mkfs.ext4", "-q", str(image))
    _try("mount", "-o", "loop", str(image), str(folder))
    try:
        yield folder
    finally:
        _run("umount", "-l", str(folder))


@contextmanager
def frozen(folder: Path) -> Iterator[None]:
    """Every write to the ext4 at ``folder`` hangs meanwhile."""
    _try("fsfreeze", "-f", str(folder))
    try:
        yield
    finally:
        _run("fsfreeze", "-u", str(folder))


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


def _try(*command: str) -> None:
    try:
        _run(*command)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip(f"{command[0]} is not possible here")
