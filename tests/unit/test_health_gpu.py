"""What ``make health`` makes of a GPU's clock and speed, from readings as they were reported."""

from typing import Any

import pytest

from common.memory.gpu_figures import GpuFigures
from common.worker.loading import gpu_pulse
from scripts.health_ask import gpu_problems, is_stuck

GB10 = "NVIDIA GB10"
HEALTHY = {"tflops": 88.0, "clock_mhz": 2411, "max_clock_mhz": 3003, "power_watts": 82.0}
CAPPED = {"tflops": 77.0, "clock_mhz": 2100, "max_clock_mhz": 3003, "power_watts": 61.0}
"""By ``nvidia-smi -lgc 0,2100``, which keeps a DGX Spark from switching itself off."""
STUCK = {"tflops": 27.0, "clock_mhz": 640, "max_clock_mhz": 3003, "power_watts": 16.5}
SHARED = {"tflops": 31.0, "clock_mhz": 2390, "max_clock_mhz": 3003, "power_watts": 84.0}
"""Another model was at work."""
LATE = {"tflops": 86.0, "clock_mhz": 208, "max_clock_mhz": 3003, "power_watts": 9.0}
"""The clock was read when the product was over."""
SILENT = {"tflops": None, "clock_mhz": None, "max_clock_mhz": None, "power_watts": None}


def info(pulse: dict[str, Any] | None, now: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"loaded": {"gpu": pulse}, "system": {"gpus": [GB10], "gpu": now}}


CAPPED_AND_SHARED = {**CAPPED, "tflops": 29.0}


@pytest.mark.parametrize("look", [HEALTHY, CAPPED, CAPPED_AND_SHARED, SHARED, LATE, SILENT, {}])
def test_a_gpu_that_is_well_enough(look: dict[str, Any]):
    assert not is_stuck(GB10, look)
    assert gpu_problems(info(look)) == []


def test_a_stuck_gpu_is_told_with_what_to_do():
    (problem,) = gpu_problems(info(STUCK))
    assert problem.startswith("The NVIDIA GB10 is stuck in a low-power state: 640 of 3003 MHz,")
    assert "16 W, 27 TFLOP/s under load" in problem
    assert "power adapter from the wall and from the machine for a minute" in problem
    assert "a restart alone does not help" in problem


def test_a_busy_gpu_is_looked_at_without_a_load():
    now = {"utilization": 0.96, "power_watts": 17.0, "clock_mhz": 640, "max_clock_mhz": 3003}
    (problem,) = gpu_problems(info(None, now))
    assert "640 of 3003 MHz, 17 W under load" in problem
    assert gpu_problems(info(HEALTHY, {**now, "clock_mhz": 2400})) == []


def test_a_gpu_at_rest_may_be_slow():
    now = {"utilization": 0.0, "power_watts": 5.0, "clock_mhz": 208, "max_clock_mhz": 3003}
    assert gpu_problems(info(None, now)) == []


def test_one_problem_is_told_once():
    assert len(gpu_problems(info(STUCK, {"utilization": 1.0, **STUCK}))) == 1


@pytest.mark.parametrize("empty", [{}, {"loaded": {}, "system": {}}, info(None)])
def test_a_machine_without_a_gpu(empty: dict[str, Any]):
    assert gpu_problems(empty) == []


def test_a_load_says_what_it_saw():
    figures = GpuFigures(1.0, 60, 82.0, clock_mhz=2411, max_clock_mhz=3003)
    pulse = gpu_pulse(88.04, figures)
    assert pulse is not None
    assert pulse.model_dump() == HEALTHY
    assert gpu_pulse(None, None) is None
    deaf = gpu_pulse(88.0, None)
    assert deaf is not None
    assert deaf.clock_mhz is None
