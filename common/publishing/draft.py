"""One attempt's folder, until it is published: whole and safely on disk, by one rename."""

import contextlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.base.disk import disk_named
from common.base.durable import fsync
from common.base.errors import EncodingFailed

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Draft:
    """One attempt's folder before anyone can see it."""

    job_id: str
    token: str
    folder: Path
    root: Path
    main: str
    """The file without which the folder is nothing, unless the manifest names another."""

    def publish(self, manifest: Mapping[str, Any]) -> str:
        """Make the folder visible under the name returned, after it is safely on disk.

        Job id and token are added to ``manifest``.

        Raises:
            EncodingFailed: its main file is not in it.
            StorageFull, StorageUnavailable: see ``disk_named``.
        """
        self._check(manifest)
        whole = {**manifest, "job_id": self.job_id, "token": self.token}
        with disk_named():
            (self.folder / MANIFEST).write_text(json.dumps(whole, indent=2), encoding="utf-8")
        return self._show()

    def publish_again(self) -> str:
        """Make visible what was published before, with the manifest that is in it, to the byte.

        That may bear an earlier attempt's token, and a bucket takes no other under its name.
        Raises as ``publish``.
        """
        self._check(json.loads((self.folder / MANIFEST).read_text(encoding="utf-8")))
        return self._show()

    def _check(self, manifest: Mapping[str, Any]) -> None:
        main = main_of(manifest, self.main)
        if not is_whole(self.folder, main):
            raise EncodingFailed(f"{main} is missing.")

    def _show(self) -> str:
        with disk_named():
            for file in self.folder.iterdir():
                fsync(file)
            fsync(self.folder)
            self.folder.rename(self.root / self.folder.name)
            fsync(self.root)
        return self.folder.name

    def discard(self) -> None:
        """Remove what was written. Does nothing after `publish`, nor on a disk that fails."""
        with contextlib.suppress(OSError):  # the next attempt removes it, or the next start
            delete(self.folder)


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """What is written of a folder, whole or not; None where nothing can be read. Raises OSError."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):  # a disk that fails tells nothing
        return None
    return manifest if isinstance(manifest, dict) else None


def main_of(manifest: Mapping[str, Any] | None, usual: str) -> str:
    """What a job was for: where its kind has several such files, its result names the one."""
    result = (manifest or {}).get("result")
    named = result.get("file") if isinstance(result, dict) else None
    return named if isinstance(named, str) and Path(named).name == named else usual


def is_whole(folder: Path, main: str) -> bool:
    """Whether the main file is in it, and is not empty."""
    file = folder / main
    return file.is_file() and file.stat().st_size > 0


def delete(folder: Path) -> None:
    """Remove a folder, if it is there."""
    while folder.exists():
        with contextlib.suppress(FileNotFoundError):  # somebody else deletes it too
            shutil.rmtree(folder)
