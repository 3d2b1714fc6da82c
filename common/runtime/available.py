"""How much memory a job can still take here. One answer for the three kinds of machine."""

from pathlib import Path

import torch

MEMINFO = Path("/proc/meminfo")
CGROUP = Path("/sys/fs/cgroup")
"""The container's own limits. They do not see CUDA memory, so for a GPU they are not asked."""

LAYOUTS = (
    ("memory.max", "memory.current", "memory.stat", "inactive_file"),
    (
        "memory/memory.limit_in_bytes",
        "memory/memory.usage_in_bytes",
        "memory/memory.stat",
        "total_inactive_file",
    ),
)
"""Limit, use, details, and the droppable pages among them: cgroup v2, then v1, where no limit is
a number beyond any machine (kernel.org, Documentation/admin-guide/cgroup-v2 and -v1/memory)."""


def is_integrated(device: torch.device) -> bool:
    """Whether ``device`` is a GPU that has no memory of its own, but shares the CPU's."""
    if device.type != "cuda":
        return False
    return bool(getattr(torch.cuda.get_device_properties(device), "is_integrated", False))


def available_bytes(device: torch.device, headroom: float = 1.0) -> int:
    """Bytes that an allocation on ``device`` can have now.

    What torch's allocator holds and does not use counts as available. On unified memory CUDA's
    own figure counts the page cache as used, so the system's is taken instead: MemAvailable
    (NVIDIA, DGX Spark known issues, "cudaMemGetInfo").

    Args:
        device: a CPU or a GPU.
        headroom: how many times the bare count the estimate is that is compared with this.
    """
    if device.type != "cuda":
        return int(min(mem_available(MEMINFO.read_text()), cgroup_available(CGROUP)))
    held = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    if is_integrated(device):
        machine = mem_available(MEMINFO.read_text()) + held
        return within(machine, _left_of_bound(device), headroom)
    free, _ = torch.cuda.mem_get_info(device)
    return free + held


def within(machine: int, bound: int, headroom: float) -> int:
    """Bytes for an estimate, of those that the machine has and those left to this process.

    The bound of a job is what jobs like it were measured to take: an estimate with headroom would
    never be within it, though what it estimates was.
    """
    return min(machine, int(bound * headroom))


def bound_bytes(device: torch.device, most_bytes: int | None) -> None:
    """Let torch hold ``most_bytes`` through CUDA and no more; None sets no bound.

    Call it before the first allocation. Beyond the bound the allocator raises OutOfMemoryError.
    """
    if device.type == "cuda" and most_bytes is not None:
        total = torch.cuda.get_device_properties(device).total_memory
        torch.cuda.set_per_process_memory_fraction(min(1.0, most_bytes / total), device)


def _left_of_bound(device: torch.device) -> int:
    """Bytes until this process's own bound, which is the whole memory where none was set."""
    total = torch.cuda.get_device_properties(device).total_memory
    most = torch.cuda.get_per_process_memory_fraction(device) * total
    return max(0, int(most) - torch.cuda.memory_allocated(device))


def mem_available(meminfo: str) -> int:
    """Bytes of ``MemAvailable`` in the text of ``/proc/meminfo``.

    Raises:
        ValueError: the text has no such line (Linux has had it since 3.14).
    """
    for line in meminfo.splitlines():
        name, _, value = line.partition(":")
        if name == "MemAvailable":
            return int(value.split()[0]) * 1024
    raise ValueError("/proc/meminfo has no MemAvailable")


def cgroup_available(folder: Path) -> float:
    """Bytes below the limit of the cgroup mounted at ``folder``; infinity where it sets none.

    The files' pages that the kernel can drop at once are not counted as used.
    """
    for layout in LAYOUTS:
        limit, used, stat = (_read(folder / name) for name in layout[:3])
        if limit.isdigit() and used.isdigit():  # "max" is no limit
            return max(0, int(limit) - int(used) + _field(stat, layout[3]))
    return float("inf")


def _field(stat: str, wanted: str) -> int:
    for line in stat.splitlines():
        name, _, value = line.partition(" ")
        if name == wanted:
            return int(value)
    return 0


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
