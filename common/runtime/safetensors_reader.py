"""Reads the weights of one component tensor by tensor with ``pread``, never by mmap.

A mapped file costs twice: its pages stay in memory beside the copy that the model uses, and a
GPU that shares memory with the CPU copies from a mapping 4 KiB at a time (7.8 GB took 49 s mapped
and 1 s read, on a GB10). Here bytes go straight into the tensor's own memory, or through a few
megabytes of reused buffers where they must be cast or sent to a GPU.
"""

import math
from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from common.runtime.available import is_integrated
from common.runtime.safetensors_format import Entry
from common.runtime.weight_files import WeightFiles

CHUNK_BYTES = 16 * 2**20
"""Bytes read at once: a multiple of every item's size, and often enough to be told and stopped."""
HASHED_BYTES = 2**18
"""Bytes read before they are hashed: they are still in the processor's cache then. It halves what
hashing costs, against reading a whole chunk first (1.11 and 1.23 times the bare reading)."""
DTYPES = {
    "BOOL": torch.bool,
    "U8": torch.uint8,
    "I8": torch.int8,
    "U16": torch.uint16,
    "I16": torch.int16,
    "U32": torch.uint32,
    "I32": torch.int32,
    "U64": torch.uint64,
    "I64": torch.int64,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
    "F8_E8M0": torch.float8_e8m0fnu,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F32": torch.float32,
    "F64": torch.float64,
}


class Hasher(Protocol):
    """Anything of ``hashlib``'s shape."""

    def update(self, data: memoryview, /) -> None: ...


class TensorReader:
    """Reads tensors of ``files`` onto ``device``; one buffer, or two pinned ones, serve them all.

    On a GPU that shares its memory with the CPU the pages of a file, once read, are dropped: they
    are a second copy of the weights, and memory that CUDA does not count as free. Elsewhere they
    stay, and make the next load faster.

    ``on_bytes`` is told how many bytes have just been read; what it raises leaves the read.
    """

    def __init__(
        self,
        files: WeightFiles,
        device: torch.device,
        on_bytes: Callable[[int], None] = lambda _count: None,
    ) -> None:
        self._files = files
        self._device = device
        self._on_bytes = on_bytes
        self._drops = is_integrated(device)
        self._staging: _Staging | None = None
        self._scratch = torch.empty(0, dtype=torch.uint8, device=device)

    def read(
        self,
        entry: Entry,
        dtype: torch.dtype | None = None,
        *,
        hasher: Hasher | None = None,
        scratch: bool = False,
    ) -> torch.Tensor:
        """One tensor on the device, in ``dtype`` or as it is stored.

        Args:
            entry: which one.
            dtype: cast to it on the way; None keeps the file's.
            hasher: is fed the bytes of the file.
            scratch: the tensor is good until the next one that is read so. Fresh memory costs
                more than reading into it (a page fault for each 4 KiB), so what is quantized
                next should not have any.

        Raises:
            CheckpointError: the file became shorter since it was opened.
        """
        stored = DTYPES[entry.dtype]
        tensor = self._memory(entry.shape, dtype or stored, scratch=scratch)
        if tensor.dtype is stored and self._device.type == "cpu":
            self._fill(entry, _bytes_of(tensor), hasher)
        else:
            self._stage(entry, tensor.view(-1), stored, hasher)
        if self._drops:
            self._files.drop(entry)
        return tensor

    def skip(self, entry: Entry) -> None:
        """Count a tensor that nobody wants as read."""
        self._on_bytes(entry.size)

    def _memory(self, shape: tuple[int, ...], dtype: torch.dtype, *, scratch: bool) -> torch.Tensor:
        if not scratch:
            return torch.empty(shape, dtype=dtype, device=self._device)
        size = math.prod(shape) * dtype.itemsize
        if size > self._scratch.numel():
            del self._scratch  # first, or both would be there
            self._scratch = torch.empty(size, dtype=torch.uint8, device=self._device)
        return self._scratch[:size].view(dtype).view(shape)

    def _fill(self, entry: Entry, memory: NDArray[np.uint8], hasher: Hasher | None) -> None:
        for start, stop in _chunks(entry.size):
            self._read(entry, start, memory[start:stop].data, hasher)

    def _stage(
        self, entry: Entry, flat: torch.Tensor, stored: torch.dtype, hasher: Hasher | None
    ) -> None:
        if self._staging is None:
            self._staging = _Staging(self._device)
        for start, stop in _chunks(entry.size):
            buffer = self._staging.next()[: stop - start]
            self._read(entry, start, buffer.numpy().data, hasher)
            part = flat[start // stored.itemsize : stop // stored.itemsize]
            self._staging.send(buffer.view(stored), part)

    def _read(self, entry: Entry, start: int, view: memoryview, hasher: Hasher | None) -> None:
        step = CHUNK_BYTES if hasher is None else HASHED_BYTES
        for at in range(0, len(view), step):
            piece = view[at : at + step]
            self._files.read(entry, start + at, piece)
            if hasher is not None:
                hasher.update(piece)
        self._on_bytes(len(view))


class _Staging:
    """Two buffers that take turns: one is filled from the disk while the GPU empties the other."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._on_gpu = device.type == "cuda"
        self._buffers = [_buffer(pinned=self._on_gpu) for _ in range(1 + self._on_gpu)]
        self._emptied = [_event() for _ in self._buffers] if self._on_gpu else []
        self._turn = 0

    def next(self) -> torch.Tensor:
        """A buffer of CHUNK_BYTES, uint8, that nobody reads any more."""
        self._turn = (self._turn + 1) % len(self._buffers)
        if self._on_gpu:
            self._emptied[self._turn].synchronize()
        return self._buffers[self._turn]

    def send(self, chunk: torch.Tensor, target: torch.Tensor) -> None:
        """Copy ``chunk``, in the buffer of this turn, to ``target``; cast on the device."""
        if self._on_gpu:
            target.copy_(chunk.to(self._device, non_blocking=True))
            self._emptied[self._turn].record()
        else:
            target.copy_(chunk)


def _event() -> torch.cuda.Event:
    return torch.cuda.Event()  # type: ignore[no-untyped-call]


def _buffer(*, pinned: bool) -> torch.Tensor:
    if pinned:
        try:
            return torch.empty(CHUNK_BYTES, dtype=torch.uint8, pin_memory=True)
        except RuntimeError:  # the container's limit on locked memory: slower, not wrong
            pass
    return torch.empty(CHUNK_BYTES, dtype=torch.uint8)


def _bytes_of(tensor: torch.Tensor) -> NDArray[np.uint8]:
    flat: NDArray[np.uint8] = tensor.view(-1).view(torch.uint8).numpy()
    return flat


def _chunks(size: int) -> Iterator[tuple[int, int]]:
    for start in range(0, size, CHUNK_BYTES):
        yield start, min(start + CHUNK_BYTES, size)
