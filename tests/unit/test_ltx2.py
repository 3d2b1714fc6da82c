"""What LTX-2 says it can do, and what it says that costs. No torch, no weights."""

import sys

import pytest

from common.base.errors import InvalidRequest, Unresolvable
from common.contract import Variant
from common.kinds.video.frame_size import Picture
from common.kinds.video.requests import GenerateRequest
from common.kinds.video.resolved import ResolvedRequest
from ltx2.estimates import estimate_flops, forward_flops
from ltx2.guidance import PUBLISHED, Guidance, resolve_guidance
from ltx2.model_config import DISTILLED, DISTILLED_2_3, LTX_2_0, LTX_2_3, SPEC
from ltx2.options import Ltx2Options
from tests.resolving import resolve


def resolved(variant: Variant = LTX_2_0, **fields: object) -> ResolvedRequest:
    request = GenerateRequest.model_validate({"prompt": "A cat", "seed": 1, **fields})
    return resolve(request, SPEC, variant).request


def test_five_seconds_at_24_fps_are_121_frames():
    request = resolved(duration=5, resolution="1024x576", fps=24)
    assert (request.width, request.height, request.num_frames) == (1024, 576, 121)
    assert request.fps == 24
    assert request.generate_audio


def test_defaults_are_the_published_ones():
    request = resolved()
    assert (request.width, request.height, request.num_frames, request.fps) == (768, 512, 121, 24)
    assert (request.num_inference_steps, request.guidance_scale) == (40, 3.0)
    assert request.negative_prompt.startswith("has_subtitles, has_blurbox")
    assert resolved(LTX_2_3).num_inference_steps == 30


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"resolution": "32x576"}, "resolution"),
        ({"resolution": "3840x2160"}, "resolution"),
        ({"num_frames": 4}, "num_frames"),
        ({"duration": 21}, "duration"),
        ({"fps": 61}, "fps"),
        ({"num_inference_steps": 101}, "num_inference_steps"),
        ({"num_inference_steps": 1}, "num_inference_steps"),
    ],
)
def test_out_of_range_is_refused_by_name(fields: dict[str, object], param: str):
    with pytest.raises(Unresolvable) as caught:
        resolved(**fields)
    assert caught.value.body.param == param


@pytest.mark.parametrize(("asked", "made"), [(9, 9), (120, 121), (124, 121), (126, 129)])
def test_frame_counts_are_8n_plus_1(asked: int, made: int):
    assert resolved(num_frames=asked).num_frames == made


def test_full_hd_and_portrait_fit():
    full = resolved(resolution="1920x1080")
    assert (full.width, full.height) == (1920, 1088)
    portrait = resolved(resolution="576x1024")
    assert (portrait.width, portrait.height) == (576, 1024)


def test_every_variant_starts_from_a_picture_too():
    picture = Picture("start.png", 1600, 900)
    for variant in SPEC.variants:
        request = resolve(GenerateRequest(prompt="A cat"), SPEC, variant, picture).request
        assert request.image is not None


@pytest.mark.parametrize("variant", [DISTILLED, DISTILLED_2_3], ids=lambda each: each.name)
def test_distilled_defaults_and_limits(variant: Variant):
    request = resolved(variant)
    assert (request.num_inference_steps, request.guidance_scale) == (8, 1.0)
    assert request.negative_prompt == ""
    with pytest.raises(Unresolvable, match="num_inference_steps"):
        resolved(variant, num_inference_steps=9)
    with pytest.raises(Unresolvable, match="guidance_scale"):
        resolved(variant, guidance_scale=3)


def test_unknown_option_is_refused():
    with pytest.raises(InvalidRequest, match="flow_shift"):
        resolved(options={"flow_shift": 3})


@pytest.mark.parametrize("guidance_scale", [0, 0.5, 1])
def test_guidance_off_is_one_pass(guidance_scale: float):
    guidance = resolve_guidance(guidance_scale, Ltx2Options())
    assert guidance.passes == 1
    assert guidance == Guidance(guidance_scale=guidance_scale)


def test_guidance_on_is_the_published_one():
    on = resolve_guidance(3.0, Ltx2Options())
    assert on == Guidance(3.0, 1.0, 3.0, 0.7, 7.0, 1.0, 3.0, 0.7)
    assert on.passes == 4
    without = resolve_guidance(3.0, Ltx2Options(stg_scale=0, audio_stg_scale=0))
    assert without.passes == 3
    assert not without.has_stg


def test_given_options_win_over_both():
    options = Ltx2Options(modality_scale=2.0)
    assert resolve_guidance(1.0, options).passes == 2
    options = Ltx2Options(modality_scale=1.0, audio_modality_scale=1.0)
    assert resolve_guidance(3.0, options).passes == 3


def test_an_audio_scale_of_zero_is_not_read_as_absent():
    arguments = resolve_guidance(
        3.0, Ltx2Options(audio_stg_scale=0, audio_guidance_rescale=0)
    ).arguments()
    assert arguments["audio_stg_scale"] == arguments["audio_guidance_rescale"]
    assert arguments["audio_stg_scale"] == sys.float_info.min
    assert arguments["stg_scale"] == PUBLISHED.stg_scale


@pytest.mark.parametrize(
    ("resolution", "num_frames", "petaflops"),
    [
        ("768x512", 121, 0.194),
        ("1280x704", 121, 0.531),
        ("1280x704", 241, 1.313),
        ("1920x1088", 121, 1.708),
    ],
)
def test_forward_matches_the_roofline(resolution: str, num_frames: int, petaflops: float):
    request = resolved(resolution=resolution, num_frames=num_frames)
    assert forward_flops(request) == pytest.approx(petaflops * 1e15, rel=0.15)


def test_flops_of_a_job_count_steps_and_passes():
    once = forward_flops(resolved())
    assert estimate_flops(resolved()) == pytest.approx(once * 40 * 4)
    off = {"stg_scale": 0, "audio_stg_scale": 0}
    assert estimate_flops(resolved(options=off)) == pytest.approx(once * 40 * 3)
    assert estimate_flops(resolved(guidance_scale=1)) == pytest.approx(once * 40)
    assert estimate_flops(resolved(DISTILLED)) == pytest.approx(once * 8)
