"""The open weights files of one component: a single safetensors file, or the shards of an index."""

import json
import os
from pathlib import Path
from typing import Any, Self

from common.errors import CheckpointError
from common.runtime.safetensors_format import DamagedFile, Entry, read_header
from common.runtime.weights import checkpoint_name, download_hint

LAYOUTS = (
    "diffusion_pytorch_model.safetensors.index.json",
    "diffusion_pytorch_model.safetensors",
    "model.safetensors",
    "model.safetensors.index.json",
)
"""What diffusers and transformers save, in the order in which each of them looks."""
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")


def broken(folder: Path, reason: str) -> CheckpointError:
    """The error for a component's folder; ``reason`` names the file or tensor, never a path."""
    name = checkpoint_name(folder.parent)
    message = f"checkpoint {name} is incomplete or damaged: {reason}."
    return CheckpointError(message, hint=download_hint(folder.parent))


class WeightFiles:
    """The open weights files of one component. ``entries`` are in the order of their bytes."""

    def __init__(self, folder: Path, paths: list[Path]) -> None:
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
    def of(cls, folder: Path) -> Self:
        """Open what ``folder`` holds: one file, or the shards of an index.

        Raises:
            CheckpointError: a file is missing, cut short or damaged, or there are only pickles.
        """
        layout = folder / _layout(folder)
        if layout.suffix != ".json":
            return cls(folder, [layout])
        shards = _shards(folder, layout)
        files = cls(folder, [folder / name for name in dict.fromkeys(shards.values())])
        files._check_index(shards)
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
            raise broken(self.folder, f"{self.folder.name}/{path.name} is missing") from exc
        file = len(self._descriptors)
        self._descriptors.append(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_SEQUENTIAL)  # doubles the read-ahead
        try:
            self.entries += read_header(descriptor, file)
        except DamagedFile as exc:
            raise self._damaged(file, exc) from exc

    def _damaged(self, file: int, reason: DamagedFile) -> CheckpointError:
        return broken(self.folder, f"{self.folder.name}/{self._paths[file].name} {reason}")

    def _check_index(self, shards: dict[str, str]) -> None:
        found = {entry.name: self._paths[entry.file].name for entry in self.entries}
        for name, shard in shards.items():
            if found.get(name) != shard:
                self.close()
                where = f"{self.folder.name}/{shard}"
                raise broken(self.folder, f"{where} lacks {name}, which its index promises")


def _layout(folder: Path) -> str:
    for name in LAYOUTS:
        if (folder / name).exists():
            return name
    for path in sorted(folder.glob("*")):
        if path.suffix in PICKLES:
            where = f"{folder.name}/{path.name}"
            raise broken(folder, f"{where} is a pickle, which may run code; safetensors only")
    raise broken(folder, f"{folder.name} has no weights, {LAYOUTS[1]} or {LAYOUTS[2]}")


def _shards(folder: Path, index: Path) -> dict[str, str]:
    """Tensor to file, from an index. Files must lie beside it: no path is followed elsewhere."""
    try:
        shards: dict[str, Any] = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
        names = set(shards.values())
        if not names or not all(name == Path(name).name for name in names):
            raise ValueError("no files, or files elsewhere")
        if any(not name.endswith(".safetensors") for name in names):
            raise broken(folder, f"{folder.name}/{index.name} lists files that are not safetensors")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as exc:
        raise broken(folder, f"{folder.name}/{index.name} cannot be read") from exc
    return shards
