"""Machines to read memory from: a folder as ``/proc``, one as cgroups, and an NVML by hand."""

# ruff: noqa: N802  (the names are NVML's own)

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pynvml

from common.memory.probe import Probe, detect

RECORDED = Path(__file__).parent / "recorded"
GIB = 1024**3
SPARK_BYTES = 130_663_006_208
WORKSTATION_BYTES = 65_670_136 * 1024


@dataclass
class Memory:
    """What NVML answers."""

    total: int
    free: int
    used: int


@dataclass
class Nvml:
    """NVML with one GPU. ``memory`` may be an error code, and may change while it is in use."""

    name: str
    memory: Memory | int
    uuid: str = "GPU-1"
    count: int = 1
    init_error: int | None = None
    asked: list[Any] = field(default_factory=list)
    inits: int = 0

    def nvmlInit(self) -> None:
        self.inits += 1
        if self.init_error is not None:
            raise pynvml.NVMLError(self.init_error)

    def nvmlDeviceGetHandleByIndex(self, index: int, /) -> int:
        self.asked.append(index)
        if index >= self.count:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_INVALID_ARGUMENT)
        return index

    def nvmlDeviceGetHandleByUUID(self, uuid: str, /) -> int:
        self.asked.append(uuid)
        if uuid != self.uuid:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_FOUND)
        return 0

    def nvmlDeviceGetName(self, handle: Any, /) -> str:
        return self.name

    def nvmlDeviceGetMemoryInfo(self, handle: Any, /) -> Memory:
        if isinstance(self.memory, int):
            raise pynvml.NVMLError(self.memory)
        return self.memory


def no_nvml() -> Nvml:
    return Nvml("", 0, init_error=pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)


def spark() -> Nvml:
    return Nvml("NVIDIA GB10", pynvml.NVML_ERROR_NOT_SUPPORTED)


def rtx() -> Nvml:
    return Nvml("NVIDIA GeForce RTX 4090", Memory(24 * GIB, 22 * GIB, 2 * GIB))


@dataclass
class Machine:
    """Folders in place of the kernel's."""

    folder: Path
    meminfo: str = "workstation_meminfo.txt"

    def __post_init__(self) -> None:
        self.proc = self.folder / "proc"
        self.cgroup = self.folder / "cgroup"
        (self.proc / "self").mkdir(parents=True)
        self.cgroup.mkdir()
        (self.proc / "meminfo").write_text((RECORDED / self.meminfo).read_text())

    def detect(
        self,
        device: str = "auto",
        kind: str = "auto",
        source: Path | None = None,
        nvml: Nvml | None = None,
    ) -> Probe:
        return detect(
            device, kind, source, proc=self.proc, cgroup=self.cgroup, nvml=nvml or no_nvml()
        )

    def member(self, line: str) -> None:
        """What ``/proc/self/cgroup`` says."""
        (self.proc / "self" / "cgroup").write_text(f"{line}\n")

    def limit_v2(self, path: str, limit: str, used: int, stat: str | None = None) -> Path:
        return self._limit(path, ("memory.max", limit), ("memory.current", used), stat)

    def limit_v1(self, path: str, limit: str, used: int, stat: str | None = None) -> Path:
        names = ("memory.limit_in_bytes", limit), ("memory.usage_in_bytes", used)
        return self._limit(f"memory/{path}", *names, stat)

    def _limit(
        self, path: str, limit: tuple[str, str], used: tuple[str, int], stat: str | None
    ) -> Path:
        folder = self.cgroup / path
        folder.mkdir(parents=True, exist_ok=True)
        text = (RECORDED / stat).read_text() if stat else ""
        for name, value in (limit, used, ("memory.stat", text)):
            (folder / name).write_text(f"{value}\n")
        return folder
