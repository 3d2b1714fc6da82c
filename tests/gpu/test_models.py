"""The models on a GPU: the pictures of the CPU, every scheme, and memory that comes back."""

import gc
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from common.contract import LoadOptions, ModelSpec, Quantization
from common.runtime.available import available_bytes, is_integrated
from common.runtime.scheme_choice import runnable_schemes
from ltx2.model_config import SPEC as LTX2
from tests.gpu.jobs import frames_of
from wan21.model_config import SPEC as WAN21

GPU = "cuda:0"
MEAN_TOLERANCE = 4.0
"""Of 255 levels: bfloat16 sums in another order, three steps of a random model."""


@pytest.fixture(params=["wan21", "ltx2"])
def subject(request: pytest.FixtureRequest) -> tuple[ModelSpec, Path]:
    wan = request.param == "wan21"
    snapshot = request.getfixturevalue("wan_snapshot" if wan else "ltx2_snapshot")
    return (WAN21 if wan else LTX2), snapshot


def load(subject: tuple[ModelSpec, Path], device: str = GPU, **options: Any) -> Any:
    spec, snapshot = subject
    return spec.load(snapshot, LoadOptions(device=device, **options))


def difference(one: Any, other: Any) -> float:
    return float(np.abs(one.astype(int) - other.astype(int)).mean())


def test_the_gpu_makes_the_cpus_picture(subject: tuple[ModelSpec, Path]):
    on_cpu = frames_of(subject[0], load(subject, "cpu", compute_dtype="bfloat16"))
    on_gpu = frames_of(subject[0], load(subject))
    assert difference(on_cpu, on_gpu) < MEAN_TOLERANCE


@pytest.mark.parametrize("scheme", [s for s in Quantization if s is not Quantization.AUTO])
def test_every_scheme_generates(subject: tuple[ModelSpec, Path], scheme: Quantization):
    reason = runnable_schemes(torch.device(GPU))[scheme]
    if reason:
        pytest.skip(reason)
    frames_of(subject[0], load(subject, quantization=scheme))


def test_memory_comes_back_when_the_model_goes(subject: tuple[ModelSpec, Path]):
    frames_of(subject[0], load(subject))  # what libraries keep for ever is there from now on
    gc.collect()
    before = torch.cuda.memory_allocated()
    pipeline = load(subject)
    assert torch.cuda.memory_allocated() > before
    frames_of(subject[0], pipeline)
    del pipeline
    gc.collect()
    assert torch.cuda.memory_allocated() <= before + 2**20


def test_the_context_goes_with_its_process():
    """Which is why a worker exits to unload."""
    code = "import torch; torch.ones(2**28, device='cuda'); torch.cuda.synchronize()"
    before = available_bytes(torch.device(GPU))
    subprocess.run([sys.executable, "-c", code], check=True)
    assert available_bytes(torch.device(GPU)) > before - 2**28


def test_group_offload_gives_the_same_picture(subject: tuple[ModelSpec, Path]):
    if is_integrated(torch.device(GPU)):
        pytest.skip("unified memory")
    plain = frames_of(subject[0], load(subject))
    assert difference(plain, frames_of(subject[0], load(subject, group_offload=True))) < 1


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # the compiler's own imports warn
def test_compiled_blocks_give_the_same_picture(subject: tuple[ModelSpec, Path]):
    plain = frames_of(subject[0], load(subject))
    compiled = frames_of(subject[0], load(subject, compile_blocks=True))
    assert difference(plain, compiled) < MEAN_TOLERANCE
