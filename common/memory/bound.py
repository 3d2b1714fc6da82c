"""How much of unified memory this process may take through CUDA, and what it gives back."""

from collections.abc import Mapping
from pathlib import Path

from common.memory.probe import PROC, MemoryKind, resident_bytes, torch_cuda

ALLOCATOR_SETTINGS = ("PYTORCH_ALLOC_CONF", "PYTORCH_CUDA_ALLOC_CONF")
"""The variable that torch reads when it starts CUDA, and its older name."""


def allocator_settings(kind: MemoryKind, environment: Mapping[str, str]) -> dict[str, str]:
    """What torch shall find in its environment on unified memory.

    Segments that grow leave no gaps: 6 to 7 GB of them were reported on a DGX Spark. What an
    operator has set is left alone (pytorch/pytorch, docs/source/notes/cuda.rst).
    """
    if kind is not MemoryKind.UNIFIED or any(name in environment for name in ALLOCATOR_SETTINGS):
        return {}
    return {ALLOCATOR_SETTINGS[0]: "expandable_segments:True"}


def bound_cuda(kind: MemoryKind, held_bytes: int, *, proc: Path = PROC) -> None:
    """Let this process hold ``held_bytes`` of unified memory at most, as far as torch takes it.

    Beyond that its allocator says that memory ran out, as it does at the end of a GPU's own: one
    job fails. Without a bound the machine would freeze (pytorch/pytorch, issue 174358). Nothing
    happens before torch uses CUDA here, nor on a GPU with memory of its own.
    """
    cuda = torch_cuda()
    if cuda is not None and kind is MemoryKind.UNIFIED:
        total = cuda.get_device_properties(0).total_memory
        share = cuda_bytes(held_bytes, proc=proc) / total
        cuda.set_per_process_memory_fraction(min(1.0, share))


def cuda_bytes(held_bytes: int, *, proc: Path = PROC) -> int:
    """What is left of ``held_bytes`` for CUDA: the resident set is taken from the same memory."""
    return max(0, held_bytes - resident_bytes(proc))


def release_cached() -> None:
    """Give back what torch's allocator on the GPU keeps for later, and nobody uses now.

    It would count as held: the pool would have less for others, and the next job's peak would be
    none (pytorch/pytorch, docs/source/notes/cuda.rst, "Memory management").
    """
    if cuda := torch_cuda():
        cuda.empty_cache()
