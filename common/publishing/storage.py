"""Finished work on disk. A job's files appear all at once, or not at all.

The unit is a folder, ``<root>/<job id>-<token>/``, with what its kind of work
publishes and a manifest.
It is filled below ``.partial`` and renamed into place, so that a crash at any moment leaves either
the whole folder or something that the sweep of the next start takes away.
"""

import contextlib
import shutil
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from common.base.disk import disk_named
from common.base.durable import fsync
from common.contract import PublishedFile
from common.publishing.draft import (
    MANIFEST,
    Draft,
    delete,
    is_whole,
    main_of,
    read_manifest,
)
from common.publishing.folders import FOLDER, ID, folder_name, job_of, modified, names_in
from common.publishing.ownership import read_identity, write_identity
from common.publishing.previews import PreviewFiles

UNCLAIMED = ".unclaimed"
"""Finished work that belongs to no job and could not be taken back: nothing deletes them."""
PARTIAL = ".partial"
"""Where attempts and removals are under way. A start clears it."""
_PREVIEWS = ".previews"
GONE = ".gone"
"""The end of an unfinished name that is being removed."""

Manifest = dict[str, Any]


class Storage:
    """The outputs folder of one service.

    Calls block on the disk. Ids and tokens are 32 lowercase hexadecimal digits; anything else is
    a ValueError, so that no name from outside becomes a path.
    """

    def __init__(self, root: Path, files: Sequence[PublishedFile]) -> None:
        """``files``: what a kind of work publishes, its main file first."""
        self._root = root
        self._main = files[0].name
        self._names = {MANIFEST, *(file.name for file in files)}
        self.partial = root / PARTIAL
        self.previews = PreviewFiles(root / _PREVIEWS)
        with disk_named():
            self.partial.mkdir(parents=True, exist_ok=True)

    def begin(self, job_id: str, token: str) -> Draft:
        """An empty folder for one attempt; what earlier attempts left unfinished is removed.

        Raises:
            StorageFull, StorageUnavailable: see ``disk_named``.
        """
        name = folder_name(job_id, token)
        folder = self.partial / name
        with disk_named():
            for stale in self.partial.glob(f"{job_id}-*"):
                delete(stale)
            folder.mkdir()  # no parents: where they are missing, this is another disk
        return Draft(job_id, token, folder, self._root, self._main)

    def adopt(self, job_id: str, token: str) -> tuple[str, Manifest] | None:
        """Give a folder that an earlier attempt published to the attempt ``token``.

        It is there when that attempt ended between its rename and its record. The manifest is
        returned as it was written, with the token of the attempt that made it. Folders
        without a readable manifest or without the main file are removed.

        Raises:
            StorageFull, StorageUnavailable: see ``disk_named``.
        """
        name = folder_name(job_id, token)
        with disk_named():
            newest = self._newest(job_id)
            if newest is None:
                return None
            newest[0].rename(self._root / name)
            fsync(self._root)
        return name, newest[1]

    def _newest(self, job_id: str) -> tuple[Path, Manifest] | None:
        newest: tuple[Path, Manifest] | None = None
        for folder in self._published(job_id):
            manifest = self._manifest_in(folder, job_id)
            if newest is None and manifest is not None:
                newest = (folder, manifest)
            else:
                self._take_away(folder)
        return newest

    def is_finished(self, job_id: str) -> bool:
        """Whether an attempt has published this job's files, and only its record is missing."""
        with disk_named():
            found = self._published(job_id)
            return any(self._manifest_in(folder, job_id) is not None for folder in found)

    def withdraw(self, job_id: str, token: str) -> None:
        """Remove what one attempt published, when its record was refused."""
        self._take_away(self._root / folder_name(job_id, token))

    def remove(self, job_id: str, published: Sequence[Path] | None = None) -> None:
        """Remove everything of a job, finished and unfinished.

        ``published``: what ``published_of`` has found, where many are removed.

        Raises:
            StorageFull, StorageUnavailable: see ``disk_named``.
        """
        if not ID.fullmatch(job_id):
            raise ValueError("a job id is 32 hexadecimal digits")
        with disk_named():
            for folder in self._published(job_id) if published is None else published:
                self._take_away(folder)
            for partial in self.partial.glob(f"{job_id}-*"):
                delete(partial)
        self.previews.remove(job_id)

    def published_of(self, job_ids: Collection[str]) -> dict[str, list[Path]]:
        """The published folders of jobs, by one look at all that there are; of none, by none.

        Raises:
            StorageFull, StorageUnavailable: see ``disk_named``.
        """
        found: dict[str, list[Path]] = {}
        with disk_named():
            for name in names_in(self._root) if job_ids else ():
                if (job_id := job_of(name)) in job_ids and FOLDER.fullmatch(name):
                    found.setdefault(job_id, []).append(self._root / name)
        return found

    def folders(self) -> Iterator[str]:
        """The names of all published folders, read from the disk as they are asked for.

        In no order. One that is published or removed meanwhile may come or not. Other names in
        there are not ours.
        """
        return (name for name in names_in(self._root) if FOLDER.fullmatch(name))

    def is_published(self, folder: str) -> bool:
        """Whether there is a folder of this name now."""
        return (self._root / folder).is_dir()

    def manifest(self, folder: str) -> Manifest | None:
        """What is written of a published folder; None unless it is whole."""
        return self._manifest_in(self._root / folder, job_of(folder))

    def published_at(self, folder: str) -> float:
        """When a folder was published, in seconds since the epoch."""
        return modified(self._root / folder) / 1e9

    def identity(self) -> str | None:
        """The name that the job database of these outputs bears too."""
        return read_identity(self._root)

    def set_identity(self, identity: str) -> None:
        """Belong to a job database. Raises StorageFull."""
        write_identity(self._root, identity)

    @property
    def unclaimed(self) -> Path:
        """Where `set_aside` puts folders."""
        return self._root / UNCLAIMED

    def take_away(self, folder: str) -> None:
        """Remove one published folder. Raises ValueError: it is no name of one."""
        if not FOLDER.fullmatch(folder):
            raise ValueError("no name of a folder of the outputs")
        self._take_away(self._root / folder)

    def set_aside(self, folder: str) -> bool:
        """Put a published folder where nothing looks, and nothing is deleted: `UNCLAIMED`.

        One that is not whole is removed. Answers whether it was.
        """
        path = self._root / folder
        if not (
            is_whole(path, self._main) or is_whole(path, main_of(read_manifest(path), self._main))
        ):
            self.take_away(folder)
            return False
        self.unclaimed.mkdir(exist_ok=True)
        path.rename(self.unclaimed / folder)
        return True

    def unfinished(self) -> Iterator[str]:
        """The names of what attempts and removals have left unfinished, or still work on."""
        return names_in(self.partial)

    def clear_unfinished(self, name: str) -> None:
        """Remove one of those."""
        delete(self.partial / name)

    def path(self, folder: str, name: str) -> Path:
        """The path of one published file, which may be missing.

        Raises:
            ValueError: not the name of a folder of ours, or not one of its files.
        """
        if not FOLDER.fullmatch(folder) or name not in self._names:
            raise ValueError("no such file in the outputs folder")
        return self._root / folder / name

    def folder(self, name: str) -> Path | None:
        """The published folder of this name, which may be missing; None: it is no such name."""
        return self._root / name if FOLDER.fullmatch(name) else None

    def free_bytes(self) -> int:
        """Bytes that may still be written to the volume."""
        return shutil.disk_usage(self._root).free

    def _published(self, job_id: str) -> list[Path]:
        """A job's published folders, newest first."""
        mine = self.published_of({job_id}).get(job_id, ())
        return sorted(mine, key=modified, reverse=True)

    def _manifest_in(self, folder: Path, job_id: str) -> Manifest | None:
        manifest = read_manifest(folder)
        ours = manifest is not None and manifest.get("job_id") == job_id
        return manifest if ours and is_whole(folder, main_of(manifest, self._main)) else None

    def _take_away(self, folder: Path) -> None:
        """Out of sight in one step, then deleted: nobody sees half a folder."""
        hidden = self.partial / f"{folder.name}{GONE}"
        delete(hidden)
        with contextlib.suppress(FileNotFoundError):  # somebody else was faster
            folder.rename(hidden)
        delete(hidden)
