"""A large checkpoint that means nothing, in the published layout, and reading it plainly. No torch.

The tensors' names and shapes come from the model's own class, in a process that may import it.
"""

import errno
import json
import math
import os
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from common.runtime.safetensors_format import make_header

SHARD_BYTES = 5 * 10**9
"""Of the published Wan2.1 14B, and what ``save_pretrained`` makes."""
CHUNK_BYTES = 16 * 2**20
ITEM_BYTES = 2
SPREAD = 0.02
"""Standard deviation of the weights: about 1 / sqrt(width), as trained ones have it."""
_SAMPLES = 256

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Shard:
    """Tensors that go into one file."""

    tensors: list[tuple[str, Shape]]


def write_checkpoint(folder: Path, shapes: dict[str, Shape]) -> None:
    """Write bfloat16 shards and their index into ``folder``."""
    shards = list(_split(shapes))
    pool = _random_bfloat16(CHUNK_BYTES)
    weight_map: dict[str, str] = {}
    for number, shard in enumerate(shards, start=1):
        name = f"diffusion_pytorch_model-{number:05}-of-{len(shards):05}.safetensors"
        weight_map |= dict.fromkeys((tensor for tensor, _ in shard.tensors), name)
        _write(folder / name, shard, pool)
    total = sum(map(_size, shapes.values()))
    index = {"metadata": {"total_size": total}, "weight_map": weight_map}
    index_name = "diffusion_pytorch_model.safetensors.index.json"
    (folder / index_name).write_text(json.dumps(index, indent=2))


def _split(shapes: dict[str, Shape]) -> Iterator[Shard]:
    tensors: list[tuple[str, Shape]] = []
    size = 0
    for name, shape in shapes.items():
        if tensors and size + _size(shape) > SHARD_BYTES:
            yield Shard(tensors)
            tensors, size = [], 0
        tensors.append((name, shape))
        size += _size(shape)
    yield Shard(tensors)


def _write(path: Path, shard: Shard, pool: bytes) -> None:
    header = make_header((name, "BF16", shape, _size(shape)) for name, shape in shard.tensors)
    with path.open("wb") as file:
        file.write(header)
        left = sum(_size(shape) for _, shape in shard.tensors)
        while left > 0:
            left -= file.write(pool[: min(left, len(pool))])
        os.fsync(file.fileno())


def _size(shape: Shape) -> int:
    return math.prod(shape) * ITEM_BYTES


def _random_bfloat16(size: int) -> bytes:
    """The upper halves of float32 numbers."""
    numbers = np.random.default_rng(0).normal(0, SPREAD, size // ITEM_BYTES).astype("<f4")
    return (numbers.view("<u4") >> 16).astype("<u2").tobytes()


def warm(paths: Sequence[Path]) -> None:
    """Have the files in the page cache, through a buffer that is not kept."""
    buffer = bytearray(CHUNK_BYTES)
    for path in paths:
        with path.open("rb", buffering=0) as file:
            while file.readinto(buffer):
                pass


def cool(paths: Sequence[Path]) -> None:
    """Ask the kernel to drop the files from the page cache."""
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(descriptor)


def share_cached(paths: Sequence[Path]) -> float:
    """Share of the files' pages that are in memory, by a sample: such reads do not wait."""
    places = [place for path in paths for place in _sample(path)]
    return sum(_is_cached(*place) for place in places) / len(places)


def _sample(path: Path) -> Iterator[tuple[Path, int]]:
    size = path.stat().st_size
    choose = random.Random(0)  # noqa: S311  # a sample, not a secret
    for _ in range(_SAMPLES):
        yield path, choose.randrange(size)


def _is_cached(path: Path, offset: int) -> bool:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return os.preadv(descriptor, [bytearray(1)], offset, os.RWF_NOWAIT) == 1
    except OSError as exc:
        if exc.errno not in (errno.EAGAIN, errno.EOPNOTSUPP):
            raise
        return False
    finally:
        os.close(descriptor)
