"""A volume of a run's own, which may be full, read-only, gone or frozen.

A small ext4 in a file, mounted by a loop device; where the kernel has none, a tmpfs, which cannot
be frozen. Both need root.
"""

import os
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

MEGABYTES = 48
FILLER = "filler"


def mountable() -> str:
    """``ext4``, ``tmpfs``, or nothing where this process may not mount."""
    with tempfile.TemporaryDirectory(prefix="chaos-probe-") as folder:
        for kind in ("ext4", "tmpfs"):
            volume = Volume(Path(folder) / kind, kind)
            with suppress(OSError, subprocess.CalledProcessError):
                volume.mount()
                volume.close()
                return kind
    return ""


@dataclass
class Volume:
    """The volume at ``folder``."""

    folder: Path
    kind: str
    _covered: bool = False
    _renamed: tuple[Path, Path] | None = None
    _thawing: "subprocess.Popen[bytes] | None" = None
    _mounted: bool = field(default=False, init=False)

    @property
    def _view(self) -> Path:
        """The same volume, read-only from the first moment."""
        return self.folder.with_suffix(".view")

    def mount(self) -> None:
        """Make it. Raises OSError, CalledProcessError."""
        self.folder.mkdir(parents=True)
        if self.kind == "ext4":
            image = self.folder.with_suffix(".img")
            with image.open("wb") as file:
                file.truncate(MEGABYTES * 1024**2)
            _do("mkfs.ext4", "-q", "-m", "0", image)
            _do("mount", "-o", "loop", image, self.folder)
        else:
            _do("mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m", "tmpfs", self.folder)
        self._mounted = True
        self._view.mkdir()
        _do("mount", "--bind", self.folder, self._view)
        _do("mount", "-o", "remount,bind,ro", self._view)

    def close(self) -> None:
        """Heal and unmount it."""
        if self._mounted:
            self.heal()
            subprocess.run(["/bin/umount", "-l", self._view], check=False, capture_output=True)
            _do("umount", "-l", self.folder)
            self._mounted = False

    def fill(self) -> None:
        """Leave no byte of it."""
        descriptor = os.open(self.folder / FILLER, os.O_WRONLY | os.O_CREAT)
        size = MEGABYTES * 1024**2
        try:
            while size:
                with suppress(OSError):
                    os.posix_fallocate(descriptor, os.fstat(descriptor).st_size, size)
                    continue
                size //= 2
        finally:
            os.close(descriptor)

    def forbid_writing(self) -> None:
        """Cover it with a read-only view of itself; what is open for writing stays so.

        A true remount is refused while SQLite has its file open.
        """
        _do("mount", "--bind", self._view, self.folder)
        self._covered = True

    def rename(self, name: str) -> None:
        """Let the folder ``name`` in it be gone."""
        there, away = self.folder / name, self.folder / f"{name}.away"
        there.rename(away)
        self._renamed = (there, away)

    def freeze(self, seconds: float) -> None:
        """Whoever writes waits for so long, and not even SIGKILL ends him.

        A process of its own thaws it, whatever becomes of this one.
        """
        script = 'fsfreeze -f "$0" && sleep "$1"; fsfreeze -u "$0"'
        command = ["/bin/sh", "-c", script, str(self.folder), str(seconds)]
        self._thawing = subprocess.Popen(command)

    def heal(self) -> None:
        """As it was."""
        if self._thawing is not None:
            self._thawing.wait()
        if self._covered:
            _do("umount", "-l", self.folder)
        (self.folder / FILLER).unlink(missing_ok=True)
        if self._renamed is not None:
            _bring_back(*self._renamed)
        self._thawing, self._covered, self._renamed = None, False, None


def _bring_back(there: Path, away: Path) -> None:
    """What somebody made in its place meanwhile is no volume of ours: it goes."""
    if there.exists():
        there.rename(there.with_name(f"{there.name}.foreign"))
    away.rename(there)


def _do(*command: object) -> None:
    subprocess.run([str(part) for part in command], check=True, capture_output=True)
