"""Where figures about the pool come from: one small class for each source, none needs torch."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from pydantic import BaseModel, Field, ValidationError

from common.base.logs import get_logger
from common.memory.meminfo import Cgroup, Meminfo, Unreadable, parse_meminfo, read_text
from common.memory.nvml import Gpu

log = get_logger("memory")


class MemoryKind(StrEnum):
    """What the pool is."""

    UNIFIED = "unified"
    """One memory for CPU and GPU, as on a DGX Spark."""
    GPU = "gpu"
    """A GPU's own."""
    CPU = "cpu"
    """The machine's, or the part of it that the container may have."""
    FILE = "file"
    """What a file says, for tests and simulations."""


@dataclass(frozen=True)
class Reading:
    """The pool at one moment."""

    kind: MemoryKind
    source: str
    """In words."""
    total_bytes: int
    available_bytes: int
    swap_free_bytes: int
    """Shown, never spent: a model in swap is a machine that stands still."""


class Probe(Protocol):
    """Reads the pool. It is cheap: it is asked several times a second."""

    def read(self) -> Reading: ...


def read_meminfo(proc: Path) -> Meminfo:
    """The machine's memory now.

    Raises:
        Unreadable: ``meminfo`` is missing or malformed.
    """
    return parse_meminfo(read_text(proc / "meminfo"))


@dataclass(frozen=True)
class UnifiedProbe:
    """The machine's memory, which is the GPU's as well. cgroups do not see what CUDA takes."""

    proc: Path

    def read(self) -> Reading:
        """MemAvailable, since CUDA's own figure counts the page cache as used.

        Where huge pages are set aside, CUDA allocates from them alone and swap is no help
        (NVIDIA, DGX Spark known issues, "cudaMemGetInfo"); the total is then theirs too.
        """
        now = read_meminfo(self.proc)
        if not now.huge_pages:
            return Reading(
                kind=MemoryKind.UNIFIED,
                source="/proc/meminfo",
                total_bytes=now.total_bytes,
                available_bytes=now.available_bytes,
                swap_free_bytes=now.swap_free_bytes,
            )
        return Reading(
            kind=MemoryKind.UNIFIED,
            source="/proc/meminfo, huge pages",
            total_bytes=now.huge_pages * now.huge_page_bytes,
            available_bytes=now.huge_pages_free * now.huge_page_bytes,
            swap_free_bytes=0,
        )


@dataclass(frozen=True)
class CpuProbe:
    """The machine's memory, or what the tightest cgroup leaves of it."""

    proc: Path
    cgroups: tuple[Cgroup, ...]

    def read(self) -> Reading:
        now = read_meminfo(self.proc)
        rooms = [room for group in self.cgroups if (room := group.room())]
        available = min((room.available_bytes for room in rooms), default=now.available_bytes)
        total = min((room.limit_bytes for room in rooms), default=now.total_bytes)
        limited = available < now.available_bytes or total < now.total_bytes
        return Reading(
            kind=MemoryKind.CPU,
            source="cgroup" if limited else "/proc/meminfo",
            total_bytes=min(total, now.total_bytes),
            available_bytes=min(available, now.available_bytes),
            swap_free_bytes=now.swap_free_bytes,
        )


@dataclass(frozen=True)
class NvmlProbe:
    """A discrete GPU's memory."""

    gpu: Gpu
    proc: Path

    def read(self) -> Reading:
        ram = read_meminfo(self.proc)
        memory = self.gpu.memory(ram.total_bytes)
        return Reading(
            kind=MemoryKind.GPU,
            source="NVML",
            total_bytes=memory.total_bytes,
            available_bytes=memory.free_bytes,
            swap_free_bytes=ram.swap_free_bytes,
        )


class _Given(BaseModel):
    total_bytes: int = Field(ge=0)
    available_bytes: int = Field(ge=0)


@dataclass(frozen=True)
class FileProbe:
    """``{"total_bytes": …, "available_bytes": …}`` in a file, read anew each time."""

    path: Path

    def read(self) -> Reading:
        try:
            given = _Given.model_validate_json(read_text(self.path))
        except ValidationError as exc:
            raise Unreadable("the file is not JSON with total_bytes and available_bytes") from exc
        if given.available_bytes > given.total_bytes:
            raise Unreadable("the file has more available_bytes than total_bytes")
        return Reading(MemoryKind.FILE, "a file", given.total_bytes, given.available_bytes, 0)


class Steady:
    """Sources in their order of trust: the first that answers, or else the last answer.

    A source that fails is logged the first time only.
    """

    def __init__(self, *sources: Probe) -> None:
        self._sources = sources
        self._failed: set[str] = set()
        self._last: Reading | None = None

    def read(self) -> Reading:
        """The pool now, or as it was last seen.

        Raises:
            Unreadable: no source has answered yet.
        """
        for source in self._sources:
            try:
                self._last = source.read()
            except Unreadable as exc:
                self._note(type(source).__name__, exc)
            else:
                return self._last
        if self._last is None:
            raise Unreadable("no source answers")
        return self._last

    def _note(self, source: str, exc: Unreadable) -> None:
        if source not in self._failed:
            self._failed.add(source)
            log.warning("memory cannot be read", extra={"source": source, "reason": str(exc)})
