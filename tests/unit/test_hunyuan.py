"""HunyuanVideo's service: limits, defaults, options and estimates; nothing here makes a video."""

import json
from pathlib import Path

import common.runtime.libraries  # noqa: F401

import pytest
import torch
from diffusers import AutoencoderKLHunyuanVideo, HunyuanVideoTransformer3DModel
from torch.utils.flop_counter import FlopCounterMode

from common.base.errors import CheckpointError, InvalidRequest, Unresolvable
from common.contract import Resolution
from common.contract.compute_dtype import ComputeDtype
from common.contract.hub import choose_variant
from common.kinds.video import VideoVariant
from common.kinds.video.requests import GenerateRequest
from common.kinds.video.resolved import ResolvedRequest
from hunyuan.estimates import (
    DECODE_FLOPS,
    TEXT_TOKENS,
    flops_of,
    forward_flops,
    memory_of,
    num_tokens,
)
from hunyuan.flow_shift import flow_shift_for
from hunyuan.model_config import FAST_HUNYUAN, HUNYUAN_VIDEO, SPEC
from tests.resolving import resolve

GB = 1e9


def resolution(variant: VideoVariant = FAST_HUNYUAN, **fields: object) -> Resolution:
    request = GenerateRequest.model_validate({"prompt": "a cat", **fields})
    return resolve(request, SPEC, variant)


def resolved(variant: VideoVariant = FAST_HUNYUAN, **fields: object) -> ResolvedRequest:
    request: ResolvedRequest = resolution(variant, **fields).request
    return request


def test_the_defaults_are_the_published_ones() -> None:
    fast, whole = resolved(), resolved(HUNYUAN_VIDEO)
    assert (fast.width, fast.height, fast.num_frames, fast.fps) == (1280, 720, 125, 24)
    assert (fast.num_inference_steps, fast.guidance_scale) == (6, 1)
    assert (whole.num_frames, whole.num_inference_steps, whole.guidance_scale) == (129, 50, 1)
    for request in (fast, whole):
        assert request.options == {"embedded_guidance_scale": 6.0, "flow_shift": None}
    assert choose_variant(SPEC, "hunyuanvideo-community/HunyuanVideo") is HUNYUAN_VIDEO


@pytest.mark.parametrize("size", ["960x544", "720x720", "1104x832", "960x960", "720x1280"])
def test_every_published_size_is_legal_as_it_is(size: str) -> None:
    assert resolution(resolution=size).adjustments == ()


def test_what_cannot_be_made_is_refused_or_snapped() -> None:
    snapped = resolution(resolution="1000x560", duration=2, fps=25)
    made = snapped.request
    assert (made.width, made.height, made.num_frames, made.fps) == (1008, 560, 49, 24)
    assert [change.field for change in snapped.adjustments] == ["resolution", "fps", "duration"]
    for field, value in (("num_frames", 145), ("resolution", "1920x1088"), ("duration", 6)):
        with pytest.raises(Unresolvable, match="out of range") as refused:
            resolved(**{field: value})
        assert refused.value.body.param == field


def test_what_is_distilled_takes_few_steps_no_second_pass_and_no_negative_prompt() -> None:
    for field, value in (("num_inference_steps", 50), ("guidance_scale", 5)):
        with pytest.raises(Unresolvable, match="out of range"):
            resolved(**{field: value})
    with pytest.raises(Unresolvable, match="no use for a negative prompt"):
        resolved(negative_prompt="rain")
    assert resolved(HUNYUAN_VIDEO, negative_prompt="rain", guidance_scale=5).guidance_scale == 5


@pytest.mark.parametrize(
    "options", [{"embedded_guidance_scale": 0}, {"flow_shift": 31}, {"guidance": 6}]
)
def test_a_wrong_option_is_named(options: dict[str, object]) -> None:
    with pytest.raises(InvalidRequest, match=rf"options\.{next(iter(options))}"):
        resolved(options=options)


@pytest.mark.parametrize(
    ("folder", "shift"),
    [
        ("models--FastVideo--FastHunyuan-diffusers", 17.0),
        ("models--hunyuanvideo-community--HunyuanVideo", 7.0),
    ],
)
def test_the_shift_is_the_checkpoints(tmp_path: Path, folder: str, shift: float) -> None:
    assert flow_shift_for(tmp_path / folder / "snapshots" / "abc") == shift


def test_the_licence_says_where_it_does_not_hold() -> None:
    """In ``/info`` and before a download. ``|`` separates fields there."""
    for words in ("European Union", "United Kingdom", "South Korea", "100 million", "not Apache"):
        assert words in SPEC.licence
    assert "|" not in SPEC.licence


# Estimates


def test_the_operations_are_those_that_torch_counts() -> None:
    """A narrow transformer of the same kind, on no device: only shapes are computed."""
    with torch.device("meta"):
        model = HunyuanVideoTransformer3DModel(
            num_attention_heads=4, num_layers=1, num_single_layers=2, num_refiner_layers=1,
            text_embed_dim=64,
        )  # fmt: skip
        latents, text = torch.empty(1, 16, 5, 32, 48), torch.empty(1, TEXT_TOKENS, 64)
        words = (text, torch.empty(1, TEXT_TOKENS), torch.empty(1, 768), torch.empty(1))
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            model(latents, torch.empty(1), *words, return_dict=False)
    expected = forward_flops(5 * 16 * 24, dim=512, num_blocks=3)
    # The text's refiner, patches and output projection are left out: they vanish at the real size.
    assert counter.get_total_flops() == pytest.approx(expected, rel=0.05)


def test_a_tile_of_the_real_decoder_costs_what_is_said() -> None:
    """Of 90x160 latents, in tiles of 32 every 24, and 17 frames a piece of which 12 are new."""
    with torch.device("meta"):
        decoder = AutoencoderKLHunyuanVideo().decoder
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            decoder(torch.empty(1, 16, 5, 32, 32))
    tall, wide = (sum(min(32, end - at) for at in range(0, end, 24)) for end in (90, 160))
    pieces = (10 * 17 + 9) / 17  # 129 frames end in a shorter one
    decoded = counter.get_total_flops() * tall * wide / 32**2 * pieces
    assert decoded / (1280 * 720 * 129) == pytest.approx(DECODE_FLOPS, rel=0.02)


def test_a_step_of_the_real_one_is_near_its_roofline() -> None:
    whole = resolved(HUNYUAN_VIDEO)
    assert num_tokens(whole) == 33 * 45 * 80 == 118_800
    assert forward_flops(num_tokens(whole)) == pytest.approx(12.1e15, rel=0.01)
    fast = flops_of(resolved())
    assert flops_of(whole) / fast == pytest.approx(7.9, rel=0.02)  # of 8.3: decoding stays
    guided = flops_of(resolved(HUNYUAN_VIDEO, guidance_scale=2))
    assert guided / flops_of(whole) == pytest.approx(2, rel=0.02)


def write_checkpoint(folder: Path) -> None:
    """The real architecture's numbers beside six float32 weights in each part."""
    configs: dict[str, dict[str, object]] = {
        "transformer": {"num_attention_heads": 24, "attention_head_dim": 128},
        "vae": {"block_out_channels": [128, 256, 512, 512]},
        "text_encoder": {},
        "text_encoder_2": {},
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


def test_memory_of_the_published_configuration(tmp_path: Path) -> None:
    """The authors measured 60 GB at 720p, 42 of them weights, and 45 at 540p."""
    write_checkpoint(tmp_path)
    memory = memory_of(tmp_path, resolved(HUNYUAN_VIDEO))
    assert memory.load_bytes == 2 * 2 * 6 + 2 * 4 * 6, "CLIP and the autoencoder are in float32"
    assert memory.run_bytes == pytest.approx(1.5 * 13.3 * GB, rel=0.01)
    small = memory_of(tmp_path, resolved(HUNYUAN_VIDEO, resolution="960x544"))
    assert small.run_bytes == pytest.approx(1.5 * 7.56 * GB, rel=0.01)
    short = memory_of(tmp_path, resolved(num_frames=9))
    assert short.run_bytes == pytest.approx(1.5 * 5.55 * GB, rel=0.01), "a tile of the decoder"
    tiny = memory_of(tmp_path, resolved(num_frames=9, resolution="128x128"))
    assert tiny.run_bytes < short.run_bytes / 3


def test_float32_doubles_what_is_not_in_float32_already(tmp_path: Path) -> None:
    write_checkpoint(tmp_path)
    narrow, wide = (memory_of(tmp_path, resolved(), dtype) for dtype in ComputeDtype)
    assert wide.load_bytes == 4 * 24
    assert wide.run_bytes == pytest.approx(2 * narrow.run_bytes, rel=1e-6)


def test_memory_of_a_damaged_checkpoint_says_so(tmp_path: Path) -> None:
    write_checkpoint(tmp_path)
    (tmp_path / "vae" / "config.json").write_text("{")
    with pytest.raises(CheckpointError, match=r"vae/config\.json"):
        memory_of(tmp_path, resolved())
