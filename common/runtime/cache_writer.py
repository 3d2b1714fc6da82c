"""Writes an entry of the cache: see ``cache_entry``."""

import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

import torch
import xxhash
from torch import nn

from common.runtime.cache_entry import MANIFEST, WEIGHTS
from common.runtime.quantization import tensors_of
from common.runtime.safetensors_format import make_header
from common.runtime.safetensors_reader import DTYPES

_NAMES = {dtype: name for name, dtype in DTYPES.items()}


def write_entry(
    folder: Path, module: nn.Module, linears: Collection[str], tick: Callable[[int], None]
) -> None:
    """Write ``module`` into the empty ``folder``, to the disk itself. Raises OSError.

    ``tick(0)`` is called at every tensor; what it raises leaves the writing.
    """
    tensors = dict(plain_tensors(module, linears))
    header = make_header(
        (name, _NAMES[tensor.dtype], tensor.shape, tensor.nbytes)
        for name, (_, tensor) in tensors.items()
    )
    checksums = {}
    with (folder / WEIGHTS).open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # says that its writer lives
        file.write(header)
        for name, (_, tensor) in tensors.items():
            tick(0)
            data = _bytes(tensor)
            checksums[name] = xxhash.xxh3_64_hexdigest(data)
            file.write(data)
        _flush(file.fileno())
        manifest = {
            "bytes": file.tell(),
            "header": hashlib.sha256(header).hexdigest(),
            "checksums": checksums,
            "quantized": _by_owner(tensors),
        }
        (folder / MANIFEST).write_text(json.dumps(manifest))
        sync_paths(folder / MANIFEST, folder)


def entry_bytes(module: nn.Module, linears: Collection[str]) -> int:
    """About what an entry of ``module`` takes on disk; the header is the smallest part."""
    return sum(tensor.nbytes for _, (_, tensor) in plain_tensors(module, linears))


def plain_tensors(
    module: nn.Module, linears: Collection[str]
) -> Iterator[tuple[str, tuple[str | None, torch.Tensor]]]:
    """(name, (quantized layer or None, tensor)) of all that a file must hold, layer by layer.

    A tensor that several names share comes once; tying is the library's.
    """
    seen: set[int] = set()
    for name, owner in module.named_modules():
        prefix = f"{name}." if name else ""
        if name in linears:
            for leaf, tensor in tensors_of(owner).items():
                yield prefix + leaf, (name, tensor)
            continue
        for leaf, held in _stored(owner):
            if id(held) not in seen:
                seen.add(id(held))
                yield prefix + leaf, (None, held.detach())


def _stored(owner: nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    for leaf, tensor in {**owner._parameters, **owner._buffers}.items():
        if tensor is not None and leaf not in owner._non_persistent_buffers_set:
            yield leaf, tensor


def _by_owner(tensors: dict[str, tuple[str | None, torch.Tensor]]) -> dict[str, list[str]]:
    owners: dict[str, list[str]] = {}
    for name, (owner, _) in tensors.items():
        if owner is not None:
            owners.setdefault(owner, []).append(name.removeprefix(f"{owner}."))
    return owners


def _bytes(tensor: torch.Tensor) -> memoryview:
    flat = tensor.detach().contiguous().view(-1).view(torch.uint8).cpu().numpy()
    view: memoryview = flat.data
    return view


def _flush(descriptor: int) -> None:
    os.fsync(descriptor)
    # The model has them in memory already: as pages of a file they would be there twice.
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)


def sync_paths(*paths: Path) -> None:
    """Have files and folders on the disk itself."""
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
