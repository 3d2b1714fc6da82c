"""Finished videos on disk. A job's files appear all at once, or not at all.

The unit is a folder, ``<root>/<job id>-<token>/``, with the video, its thumbnail and a manifest.
It is filled below ``.partial`` and renamed into place, so that a crash at any moment leaves either
the whole folder or something that `Storage.sweep` takes away.
"""

import contextlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.errors import EncodingFailed
from common.media.disk import full_disk_named
from common.media.previews import PreviewFiles

VIDEO = "video.mp4"
THUMBNAIL = "thumbnail.jpg"
SPRITESHEET = "spritesheet.jpg"
"""Made when somebody first asks for it."""
MANIFEST = "manifest.json"

_PARTIAL = ".partial"
_PREVIEWS = ".previews"
_GONE = ".gone"
_ID = re.compile(r"[0-9a-f]{32}")
_FOLDER = re.compile(r"([0-9a-f]{32})-([0-9a-f]{32})")

Manifest = dict[str, Any]


@dataclass(frozen=True)
class Draft:
    """One attempt's folder before anyone can see it."""

    job_id: str
    token: str
    folder: Path
    root: Path

    @property
    def video(self) -> Path:
        """Where the MP4 is to be written."""
        return self.folder / VIDEO

    @property
    def thumbnail(self) -> Path:
        """Where the JPEG is to be written; it may be left out."""
        return self.folder / THUMBNAIL

    def publish(self, manifest: Mapping[str, Any]) -> str:
        """Make the folder visible under the name returned, after it is safely on disk.

        Job id and token are added to ``manifest``.

        Raises:
            EncodingFailed: there is no video in it.
            StorageFull: the disk is full.
        """
        if not _has_video(self.folder):
            raise EncodingFailed("The video is missing.")
        whole = {**manifest, "job_id": self.job_id, "token": self.token}
        with full_disk_named():
            (self.folder / MANIFEST).write_text(json.dumps(whole, indent=2), encoding="utf-8")
            for file in self.folder.iterdir():
                _fsync(file)
            _fsync(self.folder)
            self.folder.rename(self.root / self.folder.name)
            _fsync(self.root)
        return self.folder.name

    def discard(self) -> None:
        """Remove what was written. Does nothing after `publish`."""
        _delete(self.folder)


class Storage:
    """The outputs folder of one service.

    Calls block on the disk. Ids and tokens are 32 lowercase hexadecimal digits; anything else is
    a ValueError, so that no name from outside becomes a path.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._partial = root / _PARTIAL
        self.previews = PreviewFiles(root / _PREVIEWS)
        with full_disk_named():
            self._partial.mkdir(parents=True, exist_ok=True)

    def begin(self, job_id: str, token: str) -> Draft:
        """An empty folder for one attempt; what earlier attempts left unfinished is removed.

        Raises:
            StorageFull: the disk is full.
        """
        name = _folder_name(job_id, token)
        for stale in self._partial.glob(f"{job_id}-*"):
            _delete(stale)
        folder = self._partial / name
        with full_disk_named():
            folder.mkdir(parents=True)
        return Draft(job_id, token, folder, self._root)

    def adopt(self, job_id: str, token: str) -> tuple[str, Manifest] | None:
        """Give a folder that an earlier attempt published to the attempt ``token``.

        It is there when that attempt ended between its rename and its record. The manifest is
        returned as it was written, with the token of the attempt that made the video. Folders
        without a readable manifest or without a video are removed.
        """
        name = _folder_name(job_id, token)
        newest: tuple[Path, Manifest] | None = None
        for folder in self._published(job_id):
            manifest = _read_manifest(folder, job_id)
            if newest is None and manifest is not None:
                newest = (folder, manifest)
            else:
                self._take_away(folder)
        if newest is None:
            return None
        with full_disk_named():
            newest[0].rename(self._root / name)
            _fsync(self._root)
        return name, newest[1]

    def withdraw(self, job_id: str, token: str) -> None:
        """Remove what one attempt published, when its record was refused."""
        self._take_away(self._root / _folder_name(job_id, token))

    def remove(self, job_id: str) -> None:
        """Remove everything of a job, finished and unfinished."""
        if not _ID.fullmatch(job_id):
            raise ValueError("a job id is 32 hexadecimal digits")
        for folder in self._published(job_id):
            self._take_away(folder)
        for partial in self._partial.glob(f"{job_id}-*"):
            _delete(partial)
        self.previews.remove(job_id)

    def sweep(self, keep: Callable[[str, str], bool]) -> None:
        """Remove what nobody claims: ``keep(job_id, token)`` is asked for every folder.

        Run at start, after crashes. Names in the root that are not ours are left alone.
        """
        self.previews.clear()
        for folder in self._published():
            if not keep(*_parts(folder)):
                self._take_away(folder)
        for partial in self._partial.iterdir():
            if _FOLDER.fullmatch(partial.name) is None or not keep(*_parts(partial)):
                _delete(partial)

    def path(self, folder: str, name: str) -> Path:
        """The path of one published file, which may be missing.

        Raises:
            ValueError: not the name of a folder of ours, or not one of its files.
        """
        if not _FOLDER.fullmatch(folder) or name not in (VIDEO, THUMBNAIL, SPRITESHEET, MANIFEST):
            raise ValueError("no such file in the outputs folder")
        return self._root / folder / name

    def free_bytes(self) -> int:
        """Bytes that may still be written to the volume."""
        return shutil.disk_usage(self._root).free

    def _published(self, job_id: str = "") -> list[Path]:
        """Published folders, newest first."""
        return sorted(
            (p for p in self._root.glob(f"{job_id}*-*") if _FOLDER.fullmatch(p.name)),
            key=_modified,
            reverse=True,
        )

    def _take_away(self, folder: Path) -> None:
        """Out of sight in one step, then deleted: nobody sees half a folder."""
        hidden = self._partial / f"{folder.name}{_GONE}"
        _delete(hidden)
        with contextlib.suppress(FileNotFoundError):  # somebody else was faster
            folder.rename(hidden)
        _delete(hidden)


def _folder_name(job_id: str, token: str) -> str:
    name = f"{job_id}-{token}"
    if not (_ID.fullmatch(job_id) and _ID.fullmatch(token)):
        raise ValueError("a job id and a token are 32 hexadecimal digits each")
    return name


def _parts(folder: Path) -> tuple[str, str]:
    job_id, _, token = folder.name.partition("-")
    return job_id, token


def _modified(folder: Path) -> int:
    with contextlib.suppress(FileNotFoundError):
        return folder.stat().st_mtime_ns
    return 0


def _has_video(folder: Path) -> bool:
    video = folder / VIDEO
    return video.is_file() and video.stat().st_size > 0


def _read_manifest(folder: Path, job_id: str) -> Manifest | None:
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    ours = isinstance(manifest, dict) and manifest.get("job_id") == job_id
    return manifest if ours and _has_video(folder) else None


def _delete(folder: Path) -> None:
    with contextlib.suppress(FileNotFoundError):  # it is gone, or somebody else deletes it too
        shutil.rmtree(folder)


def _fsync(path: Path) -> None:
    with _descriptor(path) as descriptor:
        os.fsync(descriptor)


@contextlib.contextmanager
def _descriptor(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
