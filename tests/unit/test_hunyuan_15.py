"""HunyuanVideo 1.5: limits, defaults, options and estimates; nothing here makes a video."""

from pathlib import Path

import common.runtime.libraries  # noqa: F401

import pytest
import torch
from diffusers import AutoencoderKLHunyuanVideo15, HunyuanVideo15Transformer3DModel
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from common.base.errors import Unresolvable
from common.contract import Quantization, Resolution
from common.contract.compute_dtype import ComputeDtype
from common.contract.hub import choose_variant
from common.kinds.video import VideoVariant
from common.kinds.video.frame_size import Picture
from common.kinds.video.requests import GenerateRequest
from common.kinds.video.resolved import ResolvedRequest
from common.runtime.keep import layer_scheme
from hunyuan import precision
from hunyuan.costs import flops_of, memory_of
from hunyuan.estimates import num_tokens
from hunyuan.estimates_15 import DECODE_FLOPS, forward_flops
from hunyuan.model_config import HUNYUAN_VIDEO, SPEC
from hunyuan.variants_15 import (
    I2V_480P,
    I2V_480P_STEP_DISTILLED,
    T2V_480P,
    T2V_480P_DISTILLED,
    T2V_720P,
    VARIANTS_15,
)
from scripts.tiny import hunyuan_15 as tiny
from tests.resolving import resolve

GB = 1e9
WIDE = Picture("wide.png", 1920, 1080)


def resolution(variant: VideoVariant = T2V_480P, **fields: object) -> Resolution:
    request = GenerateRequest.model_validate({"prompt": "a cat", **fields})
    picture = WIDE if variant in (I2V_480P, I2V_480P_STEP_DISTILLED) else None
    return resolve(request, SPEC, variant, picture)


def resolved(variant: VideoVariant = T2V_480P, **fields: object) -> ResolvedRequest:
    request: ResolvedRequest = resolution(variant, **fields).request
    return request


@pytest.mark.parametrize(
    ("variant", "size", "steps", "guidance"),
    [
        (T2V_480P, (848, 480), 50, 6),
        (T2V_720P, (1280, 720), 50, 6),
        (T2V_480P_DISTILLED, (848, 480), 50, 1),
        (I2V_480P, (848, 480), 50, 6),
        (I2V_480P_STEP_DISTILLED, (848, 480), 12, 1),
    ],
)
def test_the_defaults_are_the_published_ones(
    variant: VideoVariant, size: tuple[int, int], steps: int, guidance: float
) -> None:
    request = resolved(variant)
    assert (request.width, request.height) == size
    assert (request.num_frames, request.fps) == (121, 24)
    assert (request.num_inference_steps, request.guidance_scale) == (steps, guidance)
    assert request.options == {"embedded_guidance_scale": None, "flow_shift": None}
    assert choose_variant(SPEC, variant.checkpoint) is variant


@pytest.mark.parametrize("size", ["640x640", "832x480", "480x848", "1280x320"])
def test_a_shape_of_the_librarys_list_is_legal_as_it_is(size: str) -> None:
    assert resolution(resolution=size).adjustments == ()
    with pytest.raises(Unresolvable, match="out of range"):
        resolved(resolution="1280x720")
    assert resolved(T2V_720P, resolution="960x960").height == 960


def test_what_is_distilled_takes_its_steps_no_second_pass_and_no_negative_prompt() -> None:
    for variant, steps in ((T2V_480P_DISTILLED, 30), (I2V_480P_STEP_DISTILLED, 50)):
        for field, value in (("num_inference_steps", steps), ("guidance_scale", 6)):
            with pytest.raises(Unresolvable) as refused:
                resolved(variant, **{field: value})
            assert refused.value.body.param == field
        with pytest.raises(Unresolvable, match="no use for a negative prompt"):
            resolved(variant, negative_prompt="rain")
    assert resolved(I2V_480P_STEP_DISTILLED, num_inference_steps=8).num_inference_steps == 8


def test_the_embedded_scale_is_the_other_architectures() -> None:
    scale = {"embedded_guidance_scale": 5}
    with pytest.raises(Unresolvable, match="has no such input") as refused:
        resolved(options=scale)
    assert refused.value.body.param == "options.embedded_guidance_scale"
    assert resolved(HUNYUAN_VIDEO, options=scale).options["embedded_guidance_scale"] == 5
    assert resolved(options={"flow_shift": 9}).options["flow_shift"] == 9


# Estimates


def test_the_operations_are_those_that_torch_counts() -> None:
    """Narrow blocks of the same kind on no device: what reorders the text needs its values."""
    with torch.device("meta"):
        model = HunyuanVideo15Transformer3DModel(num_attention_heads=2, num_layers=2)
        video, text = torch.empty(1, 600, 256), torch.empty(1, 100, 256)
        rotary = (torch.empty(600, 128), torch.empty(600, 128))
        mask = torch.ones(1, 100, dtype=torch.bool)
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            for block in model.transformer_blocks:
                video, text = block(video, text, torch.empty(1, 256), mask, rotary)
    expected = forward_flops(600, text_tokens=100, dim=256, num_blocks=2)
    assert counter.get_total_flops() == pytest.approx(expected, rel=0.01)


def test_a_tile_of_the_real_decoder_costs_what_is_said() -> None:
    """Of 30x53 latents, in tiles of 16 every 12."""
    with torch.device("meta"):
        decoder = AutoencoderKLHunyuanVideo15().decoder
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            decoder(torch.empty(1, 32, 2, 16, 16))
    tall, wide = (sum(min(16, end - at) for at in range(0, end, 12)) for end in (30, 53))
    per_pixel = counter.get_total_flops() / (256 * 256 * 5)
    assert per_pixel * tall * wide / (30 * 53) == pytest.approx(DECODE_FLOPS, rel=0.1)


def test_a_step_costs_half_of_hunyuanvideos_and_few_steps_an_eighth_of_a_job() -> None:
    large = resolved(T2V_720P)
    assert num_tokens(large) == 31 * 45 * 80
    assert forward_flops(num_tokens(large)) == pytest.approx(6.3e15, rel=0.02)
    assert flops_of(resolved()) / flops_of(resolved(T2V_480P_DISTILLED)) == pytest.approx(
        2, rel=0.03
    )
    assert flops_of(resolved(HUNYUAN_VIDEO)) == pytest.approx(609e15, rel=0.02)
    few = flops_of(resolved(I2V_480P_STEP_DISTILLED))
    assert flops_of(resolved(I2V_480P)) / few == pytest.approx(7.8, rel=0.03)


def test_memory_is_the_weights_and_a_tile_of_all_frames(tmp_path: Path) -> None:
    """The tiny one has an eighth of ``block_out_channels``, and a transformer a 64th as wide."""
    checkpoint = tiny.build(tmp_path)[0]
    memory = memory_of(checkpoint, resolved())
    tile, colours = 256 * 256 * 8 * 14, 3 * 848 * 480 * 3 * 2
    assert memory.run_bytes == pytest.approx(1.5 * 121 * (tile + colours), rel=1e-6)
    assert memory.load_bytes == pytest.approx(16.4e6, rel=0.05)
    wide = memory_of(checkpoint, resolved(), ComputeDtype.FLOAT32)
    assert wide.load_bytes == 2 * memory.load_bytes
    assert wide.run_bytes == pytest.approx(2 * memory.run_bytes, rel=1e-6)


@pytest.mark.parametrize("scheme", [Quantization.FP8, Quantization.NF4])
def test_its_ends_and_what_steers_its_blocks_stay_precise(scheme: Quantization) -> None:
    with torch.device("meta"):
        model = HunyuanVideo15Transformer3DModel(use_meanflow=True)
    rules = precision.keep_transformer_15(scheme)
    kept = {
        name: layer_scheme(name, scheme, rules)
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear)
    }
    eight = Quantization.FP8 if scheme is Quantization.NF4 else Quantization.NONE
    assert kept["transformer_blocks.7.norm1_context.linear"] is eight
    quantized = {name for name, its_own in kept.items() if its_own is scheme}
    inside = {name for name in quantized if "norm" not in name}
    assert {name.split(".")[0] for name in quantized} == {"transformer_blocks"}
    assert {int(name.split(".")[1]) for name in quantized} == set(range(1, 53))
    assert len(inside) == 52 * 12


def test_every_checkpoint_is_one_of_the_other_architecture() -> None:
    assert set(VARIANTS_15) < set(SPEC.variants)
    assert all("HunyuanVideo-1.5" in variant.checkpoint for variant in VARIANTS_15)
