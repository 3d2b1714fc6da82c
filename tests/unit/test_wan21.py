"""Wan2.1's limits, defaults and estimates: nothing here needs torch."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from common.base.errors import CheckpointError, InvalidRequest, Unresolvable
from common.contract import Variant
from common.contract.compute_dtype import ComputeDtype
from common.kinds.video import Capability
from common.kinds.video.frame_size import Picture
from common.kinds.video.requests import GenerateRequest
from common.kinds.video.resolved import ResolvedRequest
from common.runtime.flops import forward_flops
from tests.resolving import resolve
from wan21.estimates import TEXT_TOKENS, WAN_1_3B, WAN_14B, flops_of, memory_of, num_tokens
from wan21.flow_shift import flow_shift_for
from wan21.model_config import I2V_480P, I2V_720P, I2V_A14B, SPEC, T2V_1_3B, T2V_14B, T2V_A14B
from wan21.options import Wan21Options


def resolved(variant: Variant = T2V_14B, **fields: object) -> ResolvedRequest:
    request = GenerateRequest.model_validate({"prompt": "a cat", **fields})
    from_picture = variant in (I2V_480P, I2V_720P, I2V_A14B)
    picture = Picture("cat.png", 1664, 960) if from_picture else None
    return resolve(request, SPEC, variant, picture).request


def test_the_spec_costs_no_torch() -> None:
    code = "import sys, wan21.model_config as m; assert m.SPEC; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_defaults_are_the_published_ones() -> None:
    request = resolved()
    assert (request.width, request.height, request.num_frames, request.fps) == (832, 480, 81, 16)
    assert (request.num_inference_steps, request.guidance_scale) == (50, 5.0)
    assert request.negative_prompt.startswith("色调艳丽")
    assert resolved(T2V_1_3B).guidance_scale == 6.0
    assert resolved(I2V_480P).num_inference_steps == 40
    assert resolved(I2V_480P).negative_prompt.startswith("镜头晃动")
    assert (I2V_720P.defaults.width, I2V_720P.defaults.height) == (1280, 720)


def test_lengths_become_4n_plus_1_and_16_fps() -> None:
    request = resolved(duration=3, fps=24)
    assert (request.num_frames, request.fps) == (49, 16)
    assert resolved(num_frames=12).num_frames == 13


@pytest.mark.parametrize("fields", [{"num_frames": 200}, {"num_frames": 1}, {"fps": 120}])
def test_out_of_range_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(Unresolvable):
        resolved(**fields)


def test_480p_checkpoints_refuse_720p() -> None:
    assert resolved(resolution="1280x720").width == 1280
    for variant in (T2V_1_3B, I2V_480P):
        with pytest.raises(Unresolvable, match="out of range"):
            resolved(variant, resolution="1280x720")


def test_image_to_video_wants_a_picture() -> None:
    beside = {Capability.EXTEND, Capability.LORA, Capability.STEP_CACHE}
    assert I2V_480P.capabilities == {Capability.IMAGE_TO_VIDEO} | beside
    with pytest.raises(Unresolvable, match="picture"):
        resolve(GenerateRequest(prompt="a cat"), SPEC, I2V_480P)


@pytest.mark.parametrize(
    ("width", "height", "heads", "from_picture", "shift"),
    [
        (832, 480, 40, False, 5.0),
        (640, 352, 40, False, 5.0),
        (1280, 720, 40, False, 5.0),
        (832, 480, 40, True, 3.0),
        (480, 832, 40, True, 3.0),
        (640, 624, 40, True, 3.0),
        (960, 544, 40, True, 3.0),
        (1280, 720, 40, True, 5.0),
        (1104, 832, 40, True, 5.0),
        (832, 480, 12, False, 8.0),
        (480, 480, 12, False, 8.0),
    ],
)
def test_flow_shift_follows_model_task_and_size(
    width: int, height: int, heads: int, from_picture: bool, shift: float
) -> None:
    found = flow_shift_for(width, height, num_attention_heads=heads, from_picture=from_picture)
    assert found == shift


def test_options_are_bounded_and_named() -> None:
    assert Wan21Options().flow_shift is None
    with pytest.raises(InvalidRequest, match=r"options\.flow_shift"):
        resolved(options={"flow_shift": 0})
    with pytest.raises(InvalidRequest, match=r"options\.shift"):
        resolved(options={"shift": 3})


@pytest.mark.parametrize(
    ("variant", "asked", "second"),
    [
        (T2V_A14B, {}, 3.0),
        (T2V_A14B, {"guidance_scale": 6}, 4.5),
        (T2V_A14B, {"guidance_scale": 1}, 0.75),
        (T2V_A14B, {"options": {"guidance_scale_2": 1.5}}, 1.5),
        (I2V_A14B, {}, 3.5),
        (I2V_A14B, {"guidance_scale": 1}, 1.0),
        (T2V_14B, {}, None),
    ],
)
def test_the_second_guidance_keeps_the_authors_share(
    variant: Variant, asked: dict[str, object], second: float | None
) -> None:
    assert resolved(variant, **asked).options["guidance_scale_2"] == second


def test_a_second_guidance_wants_a_second_transformer() -> None:
    with pytest.raises(Unresolvable, match="has one transformer") as caught:
        resolved(options={"guidance_scale_2": 3})
    assert caught.value.body.param == "options.guidance_scale_2"
    assert caught.value.body.hint == "Leave it out."
    with pytest.raises(InvalidRequest, match=r"options\.guidance_scale_2"):
        resolved(T2V_A14B, options={"guidance_scale_2": 21})


def test_two_experts_cost_what_one_does_and_their_guidance_apart() -> None:
    both, one = flops_of(resolved(T2V_A14B)), flops_of(resolved(num_inference_steps=40))
    assert both == one
    first = flops_of(resolved(T2V_A14B, options={"guidance_scale_2": 1}))
    assert first / both == pytest.approx((40 + 26) / 80, rel=0.01), "26 of 40 steps are high noise"


def test_forward_flops_match_published_rooflines() -> None:
    at_480p, at_720p = resolved(), resolved(resolution="1280x720")
    assert (num_tokens(at_480p), num_tokens(at_720p)) == (32_760, 75_600)
    assert forward_flops(32_760, TEXT_TOKENS, WAN_14B) == pytest.approx(1.68e15, rel=0.01)
    assert forward_flops(75_600, TEXT_TOKENS, WAN_14B) == pytest.approx(6.52e15, rel=0.01)
    assert forward_flops(32_760, TEXT_TOKENS, WAN_1_3B) == pytest.approx(0.283e15, rel=0.01)


def test_guidance_of_one_halves_the_cost() -> None:
    guided, unguided = flops_of(resolved()), flops_of(resolved(guidance_scale=1))
    assert guided == pytest.approx(100 * 1.68e15, rel=0.01)
    assert guided / unguided == pytest.approx(2, rel=0.01)


def test_memory_counts_numbers_not_bytes_of_files(tmp_path: Path) -> None:
    write_checkpoint(tmp_path)
    memory = memory_of(tmp_path, resolved())
    assert memory.load_bytes == 2 * 6 + 2 * 4 * 6, "the VAE and CLIP are in float32"
    assert memory.run_bytes == pytest.approx(1.5 * 7.77e9, rel=0.01)  # the VAE's share leads
    longer = memory_of(tmp_path, resolved(num_frames=161, resolution="1280x720"))
    assert longer.run_bytes == pytest.approx(1.5 * 17.96e9, rel=0.01)
    shorter = memory_of(tmp_path, resolved(num_frames=5, resolution="1280x720"))
    assert shorter.run_bytes == longer.run_bytes, "frames are decoded four at a time"


def test_float32_doubles_what_is_not_in_float32_already(tmp_path: Path) -> None:
    write_checkpoint(tmp_path)
    short, long = resolved(num_frames=5), resolved(num_frames=161)
    narrow, wide = (memory_of(tmp_path, short, dtype) for dtype in ComputeDtype)
    assert wide.load_bytes == 4 * 18
    assert wide.run_bytes == narrow.run_bytes, "decoding leads, in float32 always"
    narrow, wide = (memory_of(tmp_path, long, dtype) for dtype in ComputeDtype)
    assert wide.run_bytes > 1.5 * narrow.run_bytes, "denoising leads"


def test_memory_of_a_damaged_checkpoint_says_so(tmp_path: Path) -> None:
    write_checkpoint(tmp_path)
    (tmp_path / "vae" / "config.json").write_text("{")
    with pytest.raises(CheckpointError, match=r"vae/config\.json"):
        memory_of(tmp_path, resolved())


def write_checkpoint(folder: Path) -> None:
    """The real architecture's numbers beside six float32 weights in each part."""
    configs: dict[str, dict[str, int]] = {
        "transformer": {"num_attention_heads": 40, "attention_head_dim": 128},
        "vae": {"base_dim": 96},
        "image_encoder": {},
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
