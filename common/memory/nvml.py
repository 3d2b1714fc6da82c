"""The GPU as NVML sees it: whether there is one, its name, and its memory if it has its own."""

import os
from dataclasses import dataclass
from typing import Any, Protocol, cast

from common.base.logs import get_logger
from common.memory.meminfo import Unreadable

log = get_logger("memory")

UNIFIED_NAMES = ("GB10",)
"""GPUs without memory of their own, whatever NVML answers for it."""
FAR_LARGER = 64
"""No machine has so many times as much GPU memory as RAM: such a figure is none."""


class NvmlMemory(Protocol):
    """Bytes, as NVML gives them."""

    total: int
    free: int
    used: int


class NvmlLike(Protocol):
    """What is used of the module ``pynvml``; all of it raises ``pynvml.NVMLError``."""

    def nvmlInit(self) -> None: ...  # noqa: N802  # NVML's own name, as below
    def nvmlDeviceGetHandleByIndex(self, index: int, /) -> Any: ...  # noqa: N802
    def nvmlDeviceGetHandleByUUID(self, uuid: str, /) -> Any: ...  # noqa: N802
    def nvmlDeviceGetName(self, handle: Any, /) -> str: ...  # noqa: N802
    def nvmlDeviceGetMemoryInfo(self, handle: Any, /) -> NvmlMemory: ...  # noqa: N802


class NotSupported(Unreadable):
    """The GPU is there and has no memory of its own to report."""


@dataclass(frozen=True)
class GpuMemory:
    """Figures that were found plausible."""

    total_bytes: int
    free_bytes: int


@dataclass(frozen=True)
class Gpu:
    """One GPU. Its NVML handle stays valid as long as the process lives."""

    nvml: NvmlLike
    handle: Any
    name: str

    def memory(self, ram_bytes: int) -> GpuMemory:
        """The GPU's memory; ``ram_bytes`` is the machine's, to tell figures from nonsense.

        Raises:
            NotSupported: it has none of its own, or NVML succeeds with nonsense.
            Unreadable: NVML fails in any other way.
        """
        import pynvml

        try:
            raw = self.nvml.nvmlDeviceGetMemoryInfo(self.handle)
        except pynvml.NVMLError as exc:
            if exc.value == pynvml.NVML_ERROR_NOT_SUPPORTED:
                raise NotSupported("NVML does not support memory figures here") from exc
            raise Unreadable("NVML gives no memory figures") from exc
        total, free, used = int(raw.total), int(raw.free), int(raw.used)
        if not 0 < total <= FAR_LARGER * ram_bytes or used > total or free > total:
            raise NotSupported("NVML's memory figures make no sense")
        return GpuMemory(total, free)

    def unified(self, ram_bytes: int) -> bool:
        """Whether this GPU shares the machine's memory.

        On a DGX Spark NVML answers NOT_SUPPORTED for memory (NVIDIA, DGX Spark known issues).
        A total that is the machine's to the byte would be that same memory under another name.
        """
        if any(name in self.name for name in UNIFIED_NAMES):
            return True
        try:
            return self.memory(ram_bytes).total_bytes == ram_bytes
        except NotSupported:
            return True
        except Unreadable:
            return False


def open_gpu(nvml: NvmlLike | None = None) -> Gpu | None:
    """Start NVML and find the GPU that CUDA would use; None where there is none."""
    import pynvml

    nvml = nvml or cast("NvmlLike", pynvml)
    try:
        nvml.nvmlInit()
        handle = _handle(nvml, os.environ.get("CUDA_VISIBLE_DEVICES"))
        return Gpu(nvml, handle, str(nvml.nvmlDeviceGetName(handle)))
    except pynvml.NVMLError as exc:
        log.info("NVML finds no GPU", extra={"nvml": type(exc).__name__})
        return None


def _handle(nvml: NvmlLike, visible: str | None) -> Any:
    """The first GPU, or the first that CUDA's own variable leaves visible."""
    first = "0" if visible is None else visible.split(",")[0].strip()
    if first.isdigit():
        return nvml.nvmlDeviceGetHandleByIndex(int(first))
    return nvml.nvmlDeviceGetHandleByUUID(first)  # none has "" or "-1", which hide every GPU
