"""How much memory the pool has, how much is available now, and what this process holds of it.

The API process asks too, and never imports torch: here torch is only looked up, in one function.
"""

import os
import sys
from contextlib import suppress
from dataclasses import dataclass
from logging import INFO, WARNING
from pathlib import Path
from typing import Any

from common.base.logs import get_logger
from common.base.settings import GIB, MIB, SettingsError
from common.memory.meminfo import KIB, Unreadable, find_cgroups, read_text
from common.memory.nvml import NvmlLike, open_gpu
from common.memory.probe_sources import (
    CpuProbe,
    FileProbe,
    MemoryKind,
    NvmlProbe,
    Probe,
    Reading,
    Steady,
    UnifiedProbe,
    read_meminfo,
)

__all__ = ["MemoryKind", "PeakMeter", "Probe", "Reading", "detect", "floor_bytes", "process_bytes"]

log = get_logger("memory")

PROC = Path("/proc")
CGROUP = Path("/sys/fs/cgroup")
CONTEXT_BYTES = 512 * MIB
"""A guess at what CUDA takes on a GPU besides torch's allocator; 0.5 to 1 GB are reported."""
FLOOR_SHARE = 10
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def floor_bytes(setting: float, total_bytes: int) -> int:
    """Bytes that stay free: ``setting`` GiB, but a tenth of the pool at most.

    The setting is meant for a DGX Spark; on a machine with 4 GiB it would refuse everything.
    """
    return min(int(setting * GIB), total_bytes // FLOOR_SHARE)


def detect(
    device: str,
    kind: str = "auto",
    source: Path | None = None,
    *,
    proc: Path = PROC,
    cgroup: Path = CGROUP,
    nvml: NvmlLike | None = None,
) -> Probe:
    """Find the pool of this machine: DEVICE, MEMORY_KIND and MEMORY_SOURCE, in rising order.

    What it returns never raises: a source that stops answering is logged once, and its last
    figures stand until it answers again.

    Raises:
        SettingsError: there is nothing to read, with the setting that helps.
    """
    try:
        probe = Steady(*_sources(device, kind, source, _Machine(proc, cgroup, nvml)))
        first = probe.read()
    except Unreadable as exc:
        raise _no_figures(source) from exc
    found = {"kind": first.kind.value, "source": first.source, "total_bytes": first.total_bytes}
    log.info("memory pool", extra=found)
    return probe


@dataclass(frozen=True)
class _Machine:
    proc: Path
    cgroup: Path
    nvml: NvmlLike | None

    def cpu(self) -> Probe:
        membership = ""
        with suppress(Unreadable):
            membership = read_text(self.proc / "self" / "cgroup")
        return CpuProbe(self.proc, find_cgroups(membership, self.cgroup))


def _sources(device: str, kind: str, source: Path | None, machine: _Machine) -> tuple[Probe, ...]:
    """What to ask, the most trusted first."""
    if source is not None:
        return (FileProbe(source),)
    if kind == MemoryKind.CPU or (kind == "auto" and device == "cpu"):
        return (machine.cpu(),)
    if kind == MemoryKind.UNIFIED:
        return (UnifiedProbe(machine.proc),)
    return _gpu_sources(device, kind, machine)


def _gpu_sources(device: str, kind: str, machine: _Machine) -> tuple[Probe, ...]:
    gpu, proc = open_gpu(machine.nvml), machine.proc
    by_torch = _TorchProbe(proc)
    if kind == MemoryKind.GPU:
        return (by_torch,) if gpu is None else (NvmlProbe(gpu, proc), by_torch)
    if gpu is None:
        cuda = torch_cuda(start=True)
        if cuda is None:
            level = INFO if device == "auto" else WARNING
            log.log(level, "no GPU answers: the pool is the CPU's", extra={"device": device})
            return (machine.cpu(),)
        return (UnifiedProbe(proc),) if _integrated(cuda) else (by_torch,)
    if gpu.unified(read_meminfo(proc).total_bytes):
        return (UnifiedProbe(proc),)
    return (NvmlProbe(gpu, proc), by_torch)


def _no_figures(source: Path | None) -> SettingsError:
    if source is not None:
        return SettingsError(
            "MEMORY_SOURCE: this file does not say how much memory there is.",
            param="MEMORY_SOURCE",
            hint='It holds {"total_bytes": …, "available_bytes": …}; empty: the machine is read.',
        )
    return SettingsError(
        "MEMORY_KIND: nothing on this machine says how much memory there is.",
        param="MEMORY_KIND",
        hint="Set MEMORY_KIND to unified, gpu or cpu, or give the figures in MEMORY_SOURCE.",
    )


# This process


def process_bytes(kind: MemoryKind, *, proc: Path = PROC) -> int:
    """Bytes of the pool that this process holds.

    On unified memory what CUDA holds is not in the resident set, so torch's figure is added.
    """
    cuda = torch_cuda()
    reserved = cuda.memory_reserved() if cuda else 0
    if kind is MemoryKind.GPU:
        return reserved + CONTEXT_BYTES if cuda else 0
    return resident_bytes(proc) + (reserved if kind is MemoryKind.UNIFIED else 0)


class PeakMeter:
    """The most that this process held since ``reset``, in bytes.

    The kernel keeps the peak of the resident set and can be told to begin anew (man 5
    proc_pid_clear_refs, value 5). Where it cannot be told, the peak counts if it is a new one;
    else what was sampled has to do. On unified memory the peaks of CPU and GPU are added, as if
    they had come together: never too little.
    """

    def __init__(self, kind: MemoryKind, *, proc: Path = PROC) -> None:
        self._kind = kind
        self._proc = proc
        self._cleared = False
        self._mark = self._sampled = 0

    def reset(self) -> None:
        """Begin a stretch."""
        if cuda := torch_cuda():
            cuda.reset_peak_memory_stats()
        self._cleared = _clear_peak(self._proc)
        self._mark = _peak_resident_bytes(self._proc)
        self._sampled = resident_bytes(self._proc)

    def sample(self) -> None:
        """Look in between; of use only where the kernel's peak cannot be reset."""
        self._sampled = max(self._sampled, resident_bytes(self._proc))

    def peak_bytes(self) -> int:
        """The peak so far, of what ``process_bytes`` counts."""
        cuda = torch_cuda()
        reserved = cuda.max_memory_reserved() if cuda else 0
        if self._kind is MemoryKind.GPU:
            return reserved + CONTEXT_BYTES if cuda else 0
        return self._resident_peak() + (reserved if self._kind is MemoryKind.UNIFIED else 0)

    def _resident_peak(self) -> int:
        self.sample()
        peak = _peak_resident_bytes(self._proc)
        known = self._cleared or peak > self._mark
        return max(peak, self._sampled) if known else self._sampled


def resident_bytes(proc: Path) -> int:
    """The resident set, from the second number of ``statm`` (man 5 proc_pid_statm)."""
    return int((proc / "self" / "statm").read_text().split()[1]) * PAGE_BYTES


def _peak_resident_bytes(proc: Path) -> int:
    """``VmHWM``; 0 where the kernel does not keep it."""
    for line in (proc / "self" / "status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * KIB
    return 0


def _clear_peak(proc: Path) -> bool:
    try:
        (proc / "self" / "clear_refs").write_text("5")
    except OSError:
        return False
    return True


# torch


@dataclass(frozen=True)
class _TorchProbe:
    """A discrete GPU where NVML does not answer."""

    proc: Path

    def read(self) -> Reading:
        cuda = torch_cuda(start=True)
        if cuda is None:
            raise Unreadable("torch is not loaded, or has no GPU")
        free, total = cuda.mem_get_info()
        swap = read_meminfo(self.proc).swap_free_bytes
        return Reading(MemoryKind.GPU, "torch", total, free, swap)


def _integrated(cuda: Any) -> bool:
    return bool(getattr(cuda.get_device_properties(0), "is_integrated", False))


def torch_cuda(*, start: bool = False) -> Any | None:
    """``torch.cuda`` where this process has loaded torch and uses CUDA; torch is never imported.

    With ``start`` a GPU that is not in use yet will do: asking for its figures starts CUDA. While
    another thread is still importing torch, parts of it are missing: that counts as not loaded.
    """
    cuda = getattr(sys.modules.get("torch"), "cuda", None)
    ready = getattr(cuda, "is_available" if start else "is_initialized", None)
    return cuda if ready is not None and ready() else None
