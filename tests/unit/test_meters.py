"""Durations from a worker's reports, and the GPU's figures."""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pynvml
import pytest
from prometheus_client import CollectorRegistry

from common.contract import Phase
from common.contract.messages import JobLeft, JobProgress, ModelState, ModelStatus, Progress
from common.memory.gpu_figures import GpuFigures, read_gpu
from common.memory.nvml import Gpu
from common.telemetry.meters import Meters
from common.telemetry.report_watch import ReportWatch


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class World:
    clock: Clock
    watch: ReportWatch
    registry: CollectorRegistry

    def at(self, now: float, phase: Phase, step: int = 0) -> None:
        self.clock.now = now
        self.watch.heard(JobProgress(job_id="j", progress=Progress(phase=phase, step=step)))

    def value(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(f"videosdgx_{name}", {"model": "toy", **labels})


@pytest.fixture
def world() -> World:
    clock, registry = Clock(), CollectorRegistry()
    meters = Meters("toy", clock)
    registry.register(meters)
    return World(clock, ReportWatch(meters), registry)


def test_phases_and_steps_are_measured_from_report_to_report(world: World):
    world.at(0, Phase.ENCODING_PROMPT)
    world.at(2, Phase.DENOISING)
    world.at(5, Phase.DENOISING, step=1)
    world.at(11, Phase.DENOISING, step=3)
    world.at(12, Phase.DECODING)
    world.at(13, Phase.DECODING, step=4)
    world.clock.now = 20
    world.watch.heard(JobLeft(job_id="j"))
    spent = {phase: world.value("phase_seconds_sum", phase=phase.value) for phase in Phase}
    assert spent[Phase.ENCODING_PROMPT] == 2
    assert spent[Phase.DENOISING] == 10
    assert spent[Phase.DECODING] == 8
    assert (world.value("step_seconds_count"), world.value("step_seconds_sum")) == (2, 6)


def test_loads_and_unloads_are_counted_once(world: World):
    loaded = ModelStatus(state=ModelState.LOADED, load_seconds=7)
    for report in (ModelStatus(state=ModelState.LOADING), loaded, loaded):
        world.watch.heard(report)
    assert (world.value("load_seconds_count"), world.value("load_seconds_sum")) == (1, 7)
    assert world.value("unloads_total") == 0
    world.watch.ended()
    world.watch.ended()
    assert world.value("unloads_total") == 1


def test_moments_at_which_counting_began_are_not_told(world: World):
    names = {s.name for metric in world.registry.collect() for s in metric.samples}
    assert not [name for name in names if name.endswith("_created")]


class PlayedNvml:
    """A GPU that is busy and warm, and does not say what it draws."""

    def nvmlDeviceGetUtilizationRates(self, _handle: Any) -> Any:  # noqa: N802
        return SimpleNamespace(gpu=75)

    def nvmlDeviceGetTemperature(self, _handle: Any, sensor: int) -> int:  # noqa: N802
        assert sensor == pynvml.NVML_TEMPERATURE_GPU
        return 61

    def nvmlDeviceGetPowerUsage(self, _handle: Any) -> int:  # noqa: N802
        raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)

    def nvmlDeviceGetClockInfo(self, _handle: Any, clock: int) -> int:  # noqa: N802
        assert clock == pynvml.NVML_CLOCK_SM
        return 2411

    def nvmlDeviceGetMaxClockInfo(self, _handle: Any, clock: int) -> int:  # noqa: N802
        assert clock == pynvml.NVML_CLOCK_SM
        return 3003


def test_the_gpu_tells_what_it_can():
    gpu = Gpu(PlayedNvml(), None, "GB10")  # type: ignore[arg-type]
    assert read_gpu(gpu) == GpuFigures(0.75, 61, None, 2411, 3003)
