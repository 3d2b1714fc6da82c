"""Attention backends and quantized layers on this very chip."""

from typing import Any

import common.runtime.libraries  # noqa: F401

import pytest
import torch
from diffusers import WanTransformer3DModel
from diffusers.models.attention_dispatch import AttentionBackendName
from torch import nn

from common.contract import LoadOptions, Quantization
from common.runtime.acceleration import accelerate
from common.runtime.attention import TOLERANCE, running_backends, worst_error
from common.runtime.quantization import quantize_
from common.runtime.scheme_choice import runnable_schemes

GPU = torch.device("cuda:0")
BOUNDS = {
    Quantization.NONE: 0.0,
    Quantization.FP8: 0.05,
    Quantization.FP8_COMPUTE: 0.08,
    Quantization.NF4: 0.15,
    Quantization.NVFP4: 0.15,
}
"""Relative error of a product with random weights, a little above what a CPU measures."""


def a_transformer() -> Any:
    """Heads as wide as the real ones."""
    return WanTransformer3DModel(
        num_attention_heads=2, attention_head_dim=128, text_dim=64, ffn_dim=256, num_layers=2
    ).to(GPU, torch.bfloat16)


def a_call() -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    return {
        "hidden_states": torch.randn(1, 16, 3, 20, 20, device=GPU, dtype=torch.bfloat16),
        "timestep": torch.tensor([500.0], device=GPU),
        "encoder_hidden_states": torch.randn(1, 77, 64, device=GPU, dtype=torch.bfloat16),
    }


def test_native_is_exact_and_so_are_the_others():
    transformer = a_transformer()
    error = worst_error(AttentionBackendName.NATIVE, transformer, GPU)
    assert error is not None
    assert error < 0.02
    names = running_backends(transformer, GPU)
    print("backends that run here:", names)
    assert "native" in names


@torch.no_grad()
def test_backends_that_run_agree_on_a_whole_transformer():
    transformer, call = a_transformer(), a_call()
    plain = transformer(**call, return_dict=False)[0].float()
    for name in running_backends(transformer, GPU):
        accelerate(transformer, LoadOptions(attention_backend=name), GPU)
        other = transformer(**call, return_dict=False)[0].float()
        assert (other - plain).norm() / plain.norm() < TOLERANCE, name
    accelerate(transformer, LoadOptions(), GPU)


def test_fp8_products_are_tried_and_told():
    """None on a chip where they run and are right; what is wrong is in words."""
    reason = runnable_schemes(GPU)[Quantization.FP8_COMPUTE]
    print("FP8 products:", reason or "right")
    if torch.cuda.get_device_capability(GPU) in {(8, 9), (9, 0)}:
        assert reason is None


@pytest.mark.parametrize("scheme", [Quantization.NONE, Quantization.FP8_COMPUTE])
@torch.no_grad()
def test_one_outlier_token_leaves_the_others_as_they_were(scheme: Quantization):
    reason = runnable_schemes(GPU)[scheme]
    if reason:
        pytest.skip(reason)
    torch.manual_seed(3)
    layers = nn.Sequential(nn.Linear(512, 1024)).to(GPU, torch.bfloat16)
    quantize_(layers, scheme)
    inputs = torch.randn(64, 512, device=GPU, dtype=torch.bfloat16)
    before = layers(inputs)[1:]
    inputs[0, 5] = 1e5
    torch.testing.assert_close(layers(inputs)[1:], before)


@pytest.mark.parametrize("scheme", list(BOUNDS))
@torch.no_grad()
def test_a_quantized_layer_is_near_the_plain_one(scheme: Quantization):
    reason = runnable_schemes(GPU)[scheme]
    if reason:
        pytest.skip(reason)
    torch.manual_seed(2)
    layers = nn.Sequential(nn.Linear(512, 1024)).to(GPU, torch.bfloat16)
    inputs = torch.randn(64, 512, device=GPU, dtype=torch.bfloat16)
    plain = layers(inputs).float()
    quantize_(layers, scheme)
    error = (layers(inputs).float() - plain).norm() / plain.norm()
    assert error <= BOUNDS[scheme]
