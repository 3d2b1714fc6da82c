"""Many small files in one unnamed file of the temporary folder: each by itself would be open."""

import io
import os
import weakref
from tempfile import TemporaryFile
from threading import Lock
from typing import TYPE_CHECKING, BinaryIO, cast

from common.base.disk import temporary_folder

if TYPE_CHECKING:
    from typing_extensions import Buffer


class Spool:
    """Goes with the last of its files. Several threads may add to it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._descriptor: int | None = None
        self.size = 0
        """Bytes of all."""

    def add(self, data: bytes) -> BinaryIO:
        """The same, to be read from there.

        Raises:
            StorageFull, StorageUnavailable: the temporary folder.
        """
        with self._lock, temporary_folder():
            if self._descriptor is None:
                with TemporaryFile(buffering=0) as file:
                    self._descriptor = os.dup(file.fileno())
                weakref.finalize(self, os.close, self._descriptor)
            with open(self._descriptor, "ab", closefd=False) as file:
                file.write(data)
            start, self.size = self.size, self.size + len(data)
        return cast("BinaryIO", _Part(self, self._descriptor, start, len(data)))


class _Part(io.RawIOBase):
    """Bytes ``start`` up to ``start + size`` of a spool, which it keeps there."""

    def __init__(self, spool: Spool, descriptor: int, start: int, size: int) -> None:
        self._spool, self._descriptor, self._start, self._size = spool, descriptor, start, size
        self._at = 0

    def readable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._at = offset + {os.SEEK_CUR: self._at, os.SEEK_END: self._size}.get(whence, 0)
        return self._at

    def readinto(self, buffer: "Buffer") -> int:
        room = memoryview(buffer).cast("B")
        most = max(0, min(len(room), self._size - self._at))
        data = os.pread(self._descriptor, most, self._start + self._at)
        room[: len(data)] = data
        self._at += len(data)
        return len(data)
