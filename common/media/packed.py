"""A ZIP from a client, as files of which each can be read. Untrusted bytes.

Nothing is unpacked by a name of the archive's: a file is read into memory of our own, no further
than its limit, whatever the archive says of its size.
"""

import lzma
import stat
import zipfile
import zlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import BinaryIO, cast

from common.base.errors import InvalidRequest

MAX_FILES = 2000
LARGEST_RATIO = 200
"""Of what a file unpacks to. Videos and pictures are packed already; texts are short."""
_PIECE = 1024 * 1024
_DAMAGED = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError),
    *(NotImplementedError, RuntimeError, ValueError),
)
"""What ``zipfile`` and the unpackers below it raise of bytes that are not what they should be."""
_LEFT_BY_SYSTEMS = ("__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini")


@dataclass(frozen=True)
class Contents:
    """What an archive may hold."""

    field: str
    """Of the request: errors name it."""
    endings: Collection[str]
    """Of files, in small letters, with their points."""
    other: str
    """What is said of any other file: "is no picture"."""
    names: Collection[str] = ()
    """Files that are taken whatever their ending is."""
    hint: str | None = None

    def refused(self, message: str, hint: str | None = None) -> InvalidRequest:
        """An error of the archive."""
        return InvalidRequest(message, param=self.field, hint=hint)


class Packed:
    """An open one whose files' names are good."""

    def __init__(self, file: BinaryIO, contents: Contents) -> None:
        """Read the directory.

        Raises:
            InvalidRequest: no archive, or one with something that must not be in it; by name.
        """
        file.seek(0)
        self._contents = contents
        try:
            self._zip = zipfile.ZipFile(file)
        except _DAMAGED as exc:
            raise contents.refused(
                f"{contents.field} is no ZIP archive, or a damaged one.", "Pack it anew."
            ) from exc
        entries = [entry for entry in self._zip.infolist() if _counts(entry)]
        if len(entries) > MAX_FILES:
            raise contents.refused(
                f"{contents.field} has {len(entries)} files; {MAX_FILES} are allowed."
            )
        self._entries = self._by_name(entries)

    @property
    def names(self) -> Collection[str]:
        """Of its files, folders included."""
        return self._entries.keys()

    def read(self, name: str, most: int) -> Iterator[bytes]:
        """A file in pieces. Raises InvalidRequest: over ``most`` bytes, or damaged."""
        entry, read = self._entries[name], 0
        if entry.file_size > most:
            raise self._too_large(name, most)
        try:
            with self._zip.open(entry) as packed:
                while piece := packed.read(_PIECE):
                    read += len(piece)
                    if read > most:  # more than its directory says
                        raise self._too_large(name, most)
                    yield piece
        except _DAMAGED as exc:
            raise self._refused(name, "is damaged.", "Pack the archive anew.") from exc

    def bytes_of(self, name: str) -> int:
        """How large a file is, by the directory."""
        return self._entries[name].file_size

    def opened(self, name: str) -> BinaryIO:
        """One that was read already, to read again: it has no more than its directory says."""
        return cast("BinaryIO", self._zip.open(self._entries[name]))

    def _by_name(self, entries: list[zipfile.ZipInfo]) -> dict[str, zipfile.ZipInfo]:
        found: dict[str, zipfile.ZipInfo] = {}
        for entry in entries:
            self._check(entry)
            if entry.filename in found:
                raise self._contents.refused(f"{self._contents.field} has {entry.filename} twice.")
            found[entry.filename] = entry
        return found

    def _check(self, entry: zipfile.ZipInfo) -> None:
        name, path = entry.filename, PurePosixPath(entry.filename)
        if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name:
            raise self._refused(name, "would lie outside of the archive's folder.", "Rename it.")
        if stat.S_ISLNK(entry.external_attr >> 16):
            raise self._refused(name, "is a link.", "Put the file itself into the archive.")
        if entry.flag_bits & 1:
            raise self._refused(name, "is encrypted.", "Pack it without a password.")
        known = path.suffix.lower() in self._contents.endings or path.name in self._contents.names
        if not known:
            raise self._refused(name, f"{self._contents.other}.", self._contents.hint)
        if entry.file_size > LARGEST_RATIO * max(entry.compress_size, 1024):
            raise self._refused(name, f"unpacks to more than {LARGEST_RATIO} times its size.")

    def _refused(self, name: str, what: str, hint: str | None = None) -> InvalidRequest:
        return self._contents.refused(f"{self._contents.field}: {name} {what}", hint)

    def _too_large(self, name: str, most: int) -> InvalidRequest:
        return self._refused(name, f"is over {most:,} bytes.", "Cut it, or scale it down.")


def _counts(entry: zipfile.ZipInfo) -> bool:
    parts = PurePosixPath(entry.filename).parts
    return not entry.is_dir() and not any(part in _LEFT_BY_SYSTEMS for part in parts)
