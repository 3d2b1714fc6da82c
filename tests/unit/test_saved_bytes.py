"""What a scheme is said to save is what the loader saves, told from file headers alone."""

import subprocess
import sys
from pathlib import Path

import pytest
from torch import nn

from common.contract import LoadReport, Quantization
from common.contract.compute_dtype import ComputeDtype
from common.contract.finding import load_spec
from common.runtime.devices import as_torch
from common.runtime.keep import Keep, saved_bytes
from common.runtime.quantization import quantize_linear, weight_bytes
from magi1.model_config import SPEC as MAGI1
from scripts.tiny import hunyuan as tiny_hunyuan
from scripts.tiny import ltx2 as tiny_ltx2
from scripts.tiny import magi1 as tiny_magi1
from scripts.tiny import wan21 as tiny_wan21
from scripts.tiny import waver as tiny_waver
from tests.formats import COMPUTE_DTYPE, on_cpu
from tests.live import ROOT


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("models")
    builders = {
        "hunyuan": tiny_hunyuan,
        "ltx2": tiny_ltx2,
        "magi1": tiny_magi1,
        "wan21": tiny_wan21,
        "waver": tiny_waver,
    }
    return {model: builder.build(root)[0] for model, builder in builders.items()}


@pytest.mark.parametrize("model", ["hunyuan", "ltx2", "magi1", "wan21", "waver"])
def test_what_is_loaded_is_smaller_by_what_is_said(checkpoints: dict[str, Path], model: str):
    """The rules alone make it so: rows of FP8 take the same at any width.

    Of LTX-2 a layer of the vision tower is said to be quantized and is not; the real one has none.
    """
    spec, checkpoint = load_spec(f"{model}.model_config:SPEC"), checkpoints[model]
    held = {}
    for scheme in (Quantization.NONE, Quantization.FP8):
        reports: list[LoadReport] = []
        options = on_cpu(quantization=scheme, on_report=reports.append)
        spec.load(checkpoint, options)
        held[scheme] = reports[0].weight_bytes
    saved = held[Quantization.NONE] - held[Quantization.FP8]
    said = spec.saved_bytes(checkpoint, Quantization.FP8, COMPUTE_DTYPE)
    assert said > 0
    assert saved == pytest.approx(said, rel=0.1 if model == "ltx2" else 1e-6)
    assert spec.saved_bytes(checkpoint, Quantization.NONE, COMPUTE_DTYPE) == 0


@pytest.mark.parametrize(
    "scheme",
    [Quantization.FP8, Quantization.FP8_COMPUTE, Quantization.NF4, Quantization.NVFP4],
)
@pytest.mark.parametrize("dtype", list(ComputeDtype))
def test_a_layer_is_smaller_by_what_is_said(scheme: Quantization, dtype: ComputeDtype):
    linear = nn.Linear(1024, 2048, bias=False, dtype=as_torch(dtype))
    saved = weight_bytes(linear) - weight_bytes(quantize_linear(linear, scheme))
    said = saved_bytes([("layer.weight", [2048, 1024])], scheme, (), dtype)
    assert saved == pytest.approx(said, rel=0.001)


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("norm.weight", [64]),
        ("conv.weight", [64, 64, 1, 1]),
        ("attn.scale_shift_table", [6, 64]),
        ("kept.weight", [64, 64]),
    ],
)
def test_what_is_no_linear_layer_or_is_kept_saves_nothing(name: str, shape: list[int]):
    assert saved_bytes([(name, shape)], Quantization.NF4, [Keep("kept", "why")]) == 0


def test_a_layer_in_a_scheme_of_its_own_saves_what_that_saves():
    shapes = [("attn.weight", [64, 64])]
    rules = [Keep("attn", "why", Quantization.FP8)]
    assert saved_bytes(shapes, Quantization.NF4, rules) == 64 * 64 - 4 * 64


def test_fp8_products_save_what_the_loader_saves_with_them(checkpoints: dict[str, Path]):
    """The transformer's alone are products; both have as many bytes, where the sides suit."""
    checkpoint = checkpoints["magi1"]
    said = MAGI1.saved_bytes(checkpoint, Quantization.FP8_COMPUTE, COMPUTE_DTYPE)
    assert said == MAGI1.saved_bytes(checkpoint, Quantization.FP8, COMPUTE_DTYPE) > 0


def test_the_services_can_ask_without_torch():
    code = (
        "import sys, hunyuan.model_config, ltx2.model_config, magi1.model_config, "
        "wan21.model_config, waver.model_config; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
