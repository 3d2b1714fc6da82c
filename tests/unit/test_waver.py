"""Waver's service: limits, defaults, options and estimates; nothing here makes a video."""

import json
from pathlib import Path

import common.runtime.libraries  # noqa: F401

import pytest
import torch
from diffusers import WanTransformer3DModel
from torch.utils.flop_counter import FlopCounterMode

from common.base.errors import CheckpointError, InvalidRequest, Unresolvable
from common.base.settings import SettingsError
from common.contract import Resolution, Variant
from common.contract.compute_dtype import ComputeDtype
from common.contract.hub import choose_variant
from common.kinds.video import Capability
from common.kinds.video.frame_size import Picture
from common.kinds.video.requests import GenerateRequest
from common.runtime.flops import Architecture
from tests.resolving import resolve
from waver.estimates import (
    TEXT_TOKENS,
    WAN_2_1,
    WAN_2_2,
    flops_of,
    forward_flops,
    memory_of,
    num_tokens,
)
from waver.model_config import SPEC
from waver.prompts import STYLE_TAGS, Quality, Style, tagged_negative_prompt, tagged_prompt
from waver.variants import STAND_INS, T2V_1_3B, TI2V_5B, WAVER_1_0

REAL_ID = "FoundationVision/Waver-1.0-Diffusers"
VAE_5B = {"patch_size": 2, "base_dim": 160, "decoder_base_dim": 256}


def resolution(
    variant: Variant = TI2V_5B, *, picture: bool = False, **fields: object
) -> Resolution:
    request = GenerateRequest.model_validate({"prompt": "a cat", **fields})
    return resolve(request, SPEC, variant, Picture("cat.png", 1664, 960) if picture else None)


def test_the_defaults_are_the_published_ones() -> None:
    request = resolution().request
    assert (request.width, request.height, request.num_frames, request.fps) == (1280, 704, 121, 24)
    assert (request.num_inference_steps, request.guidance_scale) == (50, 5.0)
    assert request.negative_prompt.startswith("色调艳丽")
    small = resolution(T2V_1_3B).request
    assert (small.width, small.height, small.num_frames, small.fps) == (832, 480, 81, 16)
    assert small.guidance_scale == 6.0


def test_both_shapes_and_smaller_ones_are_legal_720_lines_are_not() -> None:
    assert resolution(resolution="704x1280").request.height == 1280
    snapped = resolution(resolution="640x360")
    assert (snapped.request.width, snapped.request.height) == (640, 352)
    with pytest.raises(Unresolvable, match="out of range") as refused:
        resolution(resolution="1280x720")
    assert "704" in str(refused.value.body.hint)


def test_one_checkpoint_takes_text_and_pictures_the_other_text_only() -> None:
    both = {Capability.TEXT_TO_VIDEO, Capability.IMAGE_TO_VIDEO}
    assert TI2V_5B.capabilities >= both
    assert Capability.IMAGE_TO_VIDEO not in T2V_1_3B.capabilities
    assert resolution(picture=True).request.image == Path("cat.png")
    with pytest.raises(Unresolvable, match="text only"):
        resolution(T2V_1_3B, picture=True)


# The name


@pytest.mark.parametrize("variant", STAND_INS, ids=lambda v: v.name)
def test_every_request_is_told_what_makes_it(variant: Variant) -> None:
    first = resolution(variant).adjustments[0]
    assert (first.field, first.requested, first.resolved) == (
        "checkpoint",
        "Waver 1.0",
        variant.name,
    )
    assert "stands in for Waver 1.0" in first.reason


@pytest.mark.parametrize("checkpoint", [REAL_ID, "bytedance/waver-12b-diffusers"])
def test_the_real_one_is_one_setting_away(checkpoint: str) -> None:
    variant = choose_variant(SPEC, checkpoint)
    assert (variant.name, variant.stands_in_for) == (checkpoint, None)
    assert resolution(variant).adjustments == ()
    assert variant.limits == WAVER_1_0.limits


@pytest.mark.parametrize("checkpoint", ["Wan-AI/Wan2.1-T2V-14B-Diffusers", "waver", "org/model"])
def test_any_other_checkpoint_is_refused(checkpoint: str) -> None:
    with pytest.raises(SettingsError, match="WAVER_CHECKPOINT") as refused:
        choose_variant(SPEC, checkpoint)
    assert TI2V_5B.checkpoint in str(refused.value.body.hint)


# Options


def test_projected_guidance_brings_its_own_scale() -> None:
    apg = resolution(options={"guidance": "apg"}).request
    assert (apg.guidance_scale, apg.options["apg_threshold"]) == (8.0, 27.0)
    own = resolution(options={"guidance": "apg"}, guidance_scale=4).request
    assert own.guidance_scale == 4
    assert resolution(options={"guidance": "cfg"}).request.guidance_scale == 5.0


@pytest.mark.parametrize(
    "options", [{"guidance": "pag"}, {"apg_threshold": 0}, {"style": "x"}, {"flow_shift": 0}]
)
def test_a_wrong_option_is_named(options: dict[str, object]) -> None:
    with pytest.raises(InvalidRequest, match=rf"options\.{next(iter(options))}"):
        resolution(options=options)


def test_tags_go_around_the_prompt() -> None:
    assert tagged_prompt("a cat", None, Quality.PLAIN) == "a cat"
    assert tagged_negative_prompt("rain", Quality.PLAIN) == "rain"
    for style in Style:
        whole = tagged_prompt("a cat", style, Quality.HIGH)
        assert whole.startswith(f"{STYLE_TAGS[style]} a cat ")
    assert tagged_negative_prompt("", Quality.HIGH).startswith("low definition")


# Estimates


def test_tokens_are_32_pixels_wide_on_the_5b() -> None:
    request = resolution().request
    assert num_tokens(request, WAN_2_2) == 31 * 40 * 22 == 27_280
    assert num_tokens(resolution(T2V_1_3B).request, WAN_2_1) == 32_760


def test_the_flops_are_those_that_torch_counts() -> None:
    """A narrow transformer of the same kind, on no device: only shapes are computed."""
    with torch.device("meta"):
        model = WanTransformer3DModel(
            in_channels=48,
            out_channels=48,
            num_attention_heads=8,
            attention_head_dim=64,
            ffn_dim=2048,
            num_layers=2,
            text_dim=64,
        )
        latents, text = torch.empty(1, 48, 3, 16, 24), torch.empty(1, TEXT_TOKENS, 64)
        tokens = 3 * 8 * 12
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            model(latents, torch.empty(1, tokens), text, return_dict=False)
    expected = forward_flops(tokens, Architecture(dim=512, ffn_dim=2048, num_layers=2))
    # Text embedding, patches and output projection are left out: they vanish at the real size.
    assert counter.get_total_flops() == pytest.approx(expected, rel=0.06)


def test_the_cost_follows_passes_and_steps() -> None:
    guided, unguided = (flops_of(resolution(guidance_scale=s).request) for s in (5, 1))
    assert guided / unguided == pytest.approx(1.87, rel=0.01)  # the VAE's share stays
    assert flops_of(resolution(options={"guidance": "apg"}).request) == guided
    assert flops_of(resolution(picture=True, resolution="1280x704").request) > guided


def write_checkpoint(folder: Path, vae: dict[str, int], heads: int) -> None:
    """The real architecture's numbers beside six float32 weights in each part."""
    configs = {
        "transformer": {"num_attention_heads": heads, "attention_head_dim": 128},
        "vae": vae,
    }
    tensor = {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}
    header = json.dumps({"weight": tensor}).encode()
    weights = len(header).to_bytes(8, "little") + header + bytes(24)
    for component, config in configs.items():
        (folder / component).mkdir()
        (folder / component / "config.json").write_text(json.dumps(config))
        (folder / component / "model.safetensors").write_bytes(weights)
    index = {component: ["transformers", "Any"] for component in configs}
    (folder / "model_index.json").write_text(json.dumps(index))


def test_memory_of_the_5b(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, VAE_5B, heads=24)
    memory = memory_of(tmp_path, resolution().request)
    assert memory.load_bytes == 2 * 6 + 4 * 6, "the VAE is in float32"
    assert memory.run_bytes == pytest.approx(1.5 * 19.4e9, rel=0.01)  # the VAE's share leads
    longer = memory_of(tmp_path, resolution(num_frames=241).request)
    assert longer.run_bytes == memory.run_bytes, "frames are decoded four at a time"


def test_memory_of_the_1_3b(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, {"base_dim": 96}, heads=12)
    memory = memory_of(tmp_path, resolution(T2V_1_3B).request)
    assert memory.run_bytes == pytest.approx(1.5 * 7.77e9, rel=0.01)


def test_float32_doubles_what_is_not_in_float32_already(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, VAE_5B, heads=24)
    short, long = (resolution(num_frames=n).request for n in (9, 241))
    narrow, wide = (memory_of(tmp_path, short, dtype) for dtype in ComputeDtype)
    assert wide.load_bytes == 4 * 12
    assert wide.run_bytes == narrow.run_bytes, "decoding leads, in float32 always"
    narrow, wide = (memory_of(tmp_path, long, dtype) for dtype in ComputeDtype)
    assert wide.run_bytes > narrow.run_bytes, "denoising leads"


def test_memory_of_a_damaged_checkpoint_says_so(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, VAE_5B, heads=24)
    (tmp_path / "vae" / "config.json").write_text("{")
    with pytest.raises(CheckpointError, match=r"vae/config\.json"):
        memory_of(tmp_path, resolution().request)
