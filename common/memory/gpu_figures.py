"""How busy, how warm, how hungry and how fast the GPU is, as NVML sees it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from common.memory.nvml import Gpu

NVML_TEMPERATURE_GPU = 0
"""The only sensor that NVML knows by now (nvml.h)."""
NVML_CLOCK_SM = 1
"""The multiprocessors' clock (nvml.h, nvmlClockType_t)."""


@dataclass(frozen=True)
class GpuFigures:
    """None where NVML does not tell. ``utilization`` goes from 0 to 1."""

    utilization: float | None
    temperature_celsius: float | None
    power_watts: float | None
    clock_mhz: float | None = None
    """Of its multiprocessors, now."""
    max_clock_mhz: float | None = None


def read_gpu(gpu: Gpu) -> GpuFigures:
    """Ask NVML; any of the figures may be missing on a GPU, as memory is on a DGX Spark."""
    nvml: Any = gpu.nvml
    return GpuFigures(
        utilization=_asked(lambda: nvml.nvmlDeviceGetUtilizationRates(gpu.handle).gpu / 100),
        temperature_celsius=_asked(
            lambda: nvml.nvmlDeviceGetTemperature(gpu.handle, NVML_TEMPERATURE_GPU)
        ),
        power_watts=_asked(lambda: nvml.nvmlDeviceGetPowerUsage(gpu.handle) / 1000),  # mW
        clock_mhz=_asked(lambda: nvml.nvmlDeviceGetClockInfo(gpu.handle, NVML_CLOCK_SM)),
        max_clock_mhz=_asked(lambda: nvml.nvmlDeviceGetMaxClockInfo(gpu.handle, NVML_CLOCK_SM)),
    )


def _asked(question: Callable[[], float]) -> float | None:
    import pynvml

    try:
        return float(question())
    except pynvml.NVMLError:
        return None
