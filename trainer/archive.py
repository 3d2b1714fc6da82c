"""The archive of clips: which files it has, with which captions. Untrusted bytes.

Nothing is unpacked by a name of the archive's: a file is read into memory of our own, no further
than its limit, whatever the archive says of its size.
"""

import json
import os
import stat
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import BinaryIO

from common.base.errors import InvalidRequest

VIDEOS = frozenset({".mp4", ".mov", ".mkv", ".webm"})
PICTURES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".avif", ".heic", ".bmp"})
CAPTIONS = ".txt"
METADATA = "metadata.jsonl"
"""Captions of all files in one, as folders of the Hub have them: ``file_name`` and ``text``."""
MAX_FILES = 2000
MAX_CAPTION_BYTES = 8 * 1024
MAX_METADATA_BYTES = 1024 * 1024
LARGEST_RATIO = 200
"""Of what a file unpacks to. Videos and pictures are packed already; captions are short."""
_PIECE = 1024 * 1024
_HINT = "A caption lies beside its clip: one.mp4 and one.txt; or all are in metadata.jsonl."
_LEFT_BY_SYSTEMS = ("__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini")


@dataclass(frozen=True)
class Clip:
    """A video or a picture of the archive, by its name there, and what is said of it."""

    name: str
    caption: str

    @property
    def moves(self) -> bool:
        """Whether it is a video."""
        return PurePosixPath(self.name).suffix.lower() in VIDEOS


class Archive:
    """An open one whose files' names are good."""

    def __init__(self, file: BinaryIO, max_bytes: int) -> None:
        """Read the directory. ``max_bytes`` is the most that a clip may have.

        Raises:
            InvalidRequest: no archive, or one with something that must not be in it; by name.
        """
        file.seek(0)
        try:
            self._zip = zipfile.ZipFile(file)
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as exc:
            raise refused("clips is no ZIP archive, or a damaged one.", "Pack it anew.") from exc
        self._max_bytes = max_bytes
        entries = [entry for entry in self._zip.infolist() if _counts(entry)]
        if len(entries) > MAX_FILES:
            raise refused(f"clips has {len(entries)} files; {MAX_FILES} are allowed.")
        self._entries = _by_name(entries)

    def clips(self) -> tuple[Clip, ...]:
        """All of them, by name.

        Raises:
            InvalidRequest: there are none, one has no caption, or a caption has no clip.
        """
        kinds = {name: PurePosixPath(name).suffix.lower() for name in self._entries}
        shown = sorted(name for name, kind in kinds.items() if kind in VIDEOS | PICTURES)
        if not shown:
            raise refused("clips has no video and no picture.", _HINT)
        captions = self._captions()
        for name in shown:
            if not captions.get(name, "").strip():
                raise refused(f"clips: {name} has no caption.", _HINT)
        return tuple(Clip(name, captions[name].strip()) for name in shown)

    @contextmanager
    def opened(self, name: str) -> Iterator[BinaryIO]:
        """A clip as a file in memory. Raises InvalidRequest: too large, or damaged."""
        with os.fdopen(os.memfd_create("clip"), "w+b") as copy:
            for piece in self._read(name, self._max_bytes):
                copy.write(piece)
            copy.flush()
            copy.seek(0)
            yield copy

    def _captions(self) -> dict[str, str]:
        found = dict(self._metadata())
        for name in self._entries:
            if PurePosixPath(name).suffix.lower() == CAPTIONS:
                text = self._text(name, MAX_CAPTION_BYTES)
                for clip in self._beside(name):
                    found[clip] = text
        return found

    def _beside(self, caption: str) -> list[str]:
        stem = PurePosixPath(caption).with_suffix("")
        return [
            name
            for name in self._entries
            if PurePosixPath(name).with_suffix("") == stem
            and PurePosixPath(name).suffix.lower() in VIDEOS | PICTURES
        ]

    def _metadata(self) -> Mapping[str, str]:
        found = {}
        for name in (each for each in self._entries if PurePosixPath(each).name == METADATA):
            folder = PurePosixPath(name).parent
            for line in self._text(name, MAX_METADATA_BYTES).splitlines():
                if line.strip():
                    clip, caption = _line(name, line)
                    found[str(folder / clip)] = caption
        return found

    def _text(self, name: str, most: int) -> str:
        try:
            return b"".join(self._read(name, most)).decode("utf-8-sig")
        except UnicodeDecodeError as exc:
            raise refused(f"clips: {name} is not in UTF-8.") from exc

    def _read(self, name: str, most: int) -> Iterator[bytes]:
        entry, read = self._entries[name], 0
        if entry.file_size > most:
            raise _too_large(name, most)
        try:
            with self._zip.open(entry) as packed:
                while piece := packed.read(_PIECE):
                    read += len(piece)
                    if read > most:  # more than its directory says
                        raise _too_large(name, most)
                    yield piece
        except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, RuntimeError) as exc:
            raise refused(f"clips: {name} is damaged.", "Pack the archive anew.") from exc


def refused(message: str, hint: str | None = None) -> InvalidRequest:
    """Of the archive, by its field."""
    return InvalidRequest(message, param="clips", hint=hint)


def _counts(entry: zipfile.ZipInfo) -> bool:
    parts = PurePosixPath(entry.filename).parts
    return not entry.is_dir() and not any(part in _LEFT_BY_SYSTEMS for part in parts)


def _by_name(entries: list[zipfile.ZipInfo]) -> dict[str, zipfile.ZipInfo]:
    found: dict[str, zipfile.ZipInfo] = {}
    for entry in entries:
        _check(entry)
        if entry.filename in found:
            raise refused(f"clips has {entry.filename} twice.")
        found[entry.filename] = entry
    return found


def _check(entry: zipfile.ZipInfo) -> None:
    name, path = entry.filename, PurePosixPath(entry.filename)
    if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name:
        raise refused(f"clips: {name} would lie outside of the archive's folder.", "Rename it.")
    if stat.S_ISLNK(entry.external_attr >> 16):
        raise refused(f"clips: {name} is a link.", "Put the file itself into the archive.")
    if entry.flag_bits & 1:
        raise refused(f"clips: {name} is encrypted.", "Pack it without a password.")
    if path.suffix.lower() not in {CAPTIONS, *VIDEOS, *PICTURES} and path.name != METADATA:
        raise refused(f"clips: {name} is neither a video, a picture nor a caption.", _HINT)
    if entry.file_size > LARGEST_RATIO * max(entry.compress_size, 1024):
        raise refused(f"clips: {name} unpacks to more than {LARGEST_RATIO} times its size.")


def _line(name: str, line: str) -> tuple[str, str]:
    try:
        match json.loads(line):
            case {"file_name": str(clip), "text": str(caption)}:
                return clip, caption
    except (ValueError, RecursionError):
        pass
    raise refused(f'clips: a line of {name} is not {{"file_name": ..., "text": ...}}.')


def _too_large(name: str, most: int) -> InvalidRequest:
    return refused(f"clips: {name} is over {most:,} bytes.", "Cut it, or scale it down.")
