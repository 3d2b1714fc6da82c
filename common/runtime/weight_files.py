"""The open weights files of one component: a single safetensors file, or the shards of an index."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from common.base.errors import CheckpointError
from common.runtime.live_weights import Naming, live_weights
from common.runtime.safetensors_format import DamagedFile, Entry, read_header
from common.runtime.weights import damaged, missing


class WeightFiles:
    """The open weights files of one component. ``entries`` are in the order of their bytes."""

    def __init__(self, folder: Path, paths: Sequence[Path]) -> None:
        self.folder = folder
        self._paths = paths
        self._descriptors: list[int] = []
        self.entries: list[Entry] = []
        try:
            for path in paths:
                self._open(path)
        except BaseException:
            self.close()
            raise

    @classmethod
    def of(cls, folder: Path, naming: Naming) -> Self:
        """Open what ``folder`` holds in a library's names: one file, or the shards of an index.

        Raises:
            CheckpointError: a file is missing, cut short or damaged, or there are only pickles.
        """
        live = live_weights(folder, naming)
        files = cls(folder, live.paths)
        files._check_index(live.promised)
        return files

    @property
    def size(self) -> int:
        """Bytes of all tensors."""
        return sum(entry.size for entry in self.entries)

    @property
    def descriptor(self) -> int:
        """Of the first file."""
        return self._descriptors[0]

    def read(self, entry: Entry, offset: int, view: memoryview) -> None:
        """Fill ``view`` with the tensor's bytes from ``offset`` on. Raises CheckpointError."""
        done = 0
        while done < len(view):
            position = entry.start + offset + done
            count = os.preadv(self._descriptors[entry.file], [view[done:]], position)
            if count == 0:
                raise self._damaged(entry.file, DamagedFile("is cut short"))
            done += count

    def drop(self, entry: Entry) -> None:
        """Let the kernel forget the tensor's pages: see ``TensorReader``."""
        descriptor = self._descriptors[entry.file]
        os.posix_fadvise(descriptor, entry.start, entry.size, os.POSIX_FADV_DONTNEED)

    def close(self) -> None:
        """Close all files; again is fine."""
        while self._descriptors:
            os.close(self._descriptors.pop())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self, path: Path) -> None:
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError as exc:
            where = f"{self.folder.name}/{path.name}"
            raise missing(self.folder.parent, f"{where} is missing") from exc
        file = len(self._descriptors)
        self._descriptors.append(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_SEQUENTIAL)  # doubles the read-ahead
        try:
            self.entries += read_header(descriptor, file)
        except DamagedFile as exc:
            raise self._damaged(file, exc) from exc

    def _damaged(self, file: int, reason: DamagedFile) -> CheckpointError:
        where = f"{self.folder.name}/{self._paths[file].name}"
        return damaged(self.folder.parent, f"{where} {reason}")

    def _check_index(self, shards: Mapping[str, str]) -> None:
        found = {entry.name: self._paths[entry.file].name for entry in self.entries}
        for name, shard in shards.items():
            if found.get(name) != shard:
                self.close()
                where = f"{self.folder.name}/{shard}"
                reason = f"{where} lacks {name}, which its index promises"
                raise damaged(self.folder.parent, reason)
