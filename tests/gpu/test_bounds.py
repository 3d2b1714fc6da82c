"""A bound on what torch takes, growing segments, and the GPU's own clock under a product."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from common.base.errors import OutOfMemory
from common.contract import LoadOptions
from common.memory.gpu_figures import GpuFigures, read_gpu
from common.memory.nvml import open_gpu
from common.runtime.available import available_bytes, bound_bytes, is_integrated
from common.runtime.devices import memory_errors
from common.runtime.pulse import tflops
from common.worker.loading import gpu_pulse
from scripts.health_ask import PRODUCT_TFLOPS, is_stuck
from wan21.model_config import SPEC as WAN21

GPU = torch.device("cuda:0")
MIB = 2**20
GROWING = """
import os
os.environ["PYTORCH_ALLOC_CONF"] = "expandable_segments:True"
import torch
torch.cuda.set_per_process_memory_fraction(256 * 2**20 / torch.cuda.mem_get_info()[1])
held = [torch.empty(2**24, device="cuda") for _ in range(2)]
try:
    held.append(torch.empty(2**26, device="cuda"))
except torch.OutOfMemoryError:
    print("bounded", torch.cuda.memory_reserved() <= 256 * 2**20)
"""


@pytest.fixture
def held() -> Iterator[int]:
    """What torch holds already; no bound is left behind."""
    torch.cuda.empty_cache()
    yield torch.cuda.memory_reserved(GPU)
    torch.cuda.set_per_process_memory_fraction(1.0, GPU)


def test_a_job_beyond_its_bound_runs_out_of_memory_and_the_next_one_runs(held: int):
    bound_bytes(GPU, held + 256 * MIB)
    with pytest.raises(OutOfMemory), memory_errors():
        torch.empty(512 * MIB, dtype=torch.uint8, device=GPU)
    assert torch.ones(64 * MIB, dtype=torch.uint8, device=GPU).sum() == 64 * MIB
    bound_bytes(GPU, held + 1024 * MIB)
    torch.empty(512 * MIB, dtype=torch.uint8, device=GPU)


@pytest.mark.parametrize("device", ["auto", "cuda", "cuda:0"])
def test_a_load_beyond_its_bound_is_out_of_memory(held: int, wan_snapshot: Path, device: str):
    with pytest.raises(OutOfMemory):
        WAN21.load(wan_snapshot, LoadOptions(device=device, cuda_bytes=held))
    WAN21.load(wan_snapshot, LoadOptions(device=device, cuda_bytes=held + 1024 * MIB))


def test_none_is_no_bound(held: int):
    bound_bytes(GPU, None)
    torch.empty(512 * MIB, dtype=torch.uint8, device=GPU)


def test_what_is_available_ends_at_the_bound(held: int):
    if not is_integrated(GPU):
        pytest.skip("memory of its own")
    bound_bytes(GPU, held + 256 * MIB)
    assert available_bytes(GPU) <= held + 256 * MIB


def test_the_bound_holds_for_segments_that_grow():
    """In a process of its own: torch reads the setting once."""
    done = subprocess.run(
        [sys.executable, "-c", GROWING], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["bounded", "True"]


def test_a_short_product_shows_the_gpus_speed_and_clock():
    gpu = open_gpu()
    assert gpu is not None
    seen: list[GpuFigures] = []
    speed = tflops(GPU, lambda: seen.append(read_gpu(gpu)))
    (figures,) = seen
    pulse = gpu_pulse(speed, figures)
    assert pulse is not None
    print("pulse:", gpu.name, pulse)
    assert not is_stuck(gpu.name, pulse.model_dump())
    usual = next((usual for part, usual in PRODUCT_TFLOPS.items() if part in gpu.name), None)
    assert usual is None or (speed or 0) > usual / 2
