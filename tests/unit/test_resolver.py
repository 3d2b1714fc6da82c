"""Requests become what the model can make, or are refused with the way out."""

from dataclasses import replace

import pytest

from common.base.errors import InvalidRequest, Unresolvable
from common.contract import Resolution
from common.kinds.video import Capability, Limits
from common.kinds.video.frame_size import Picture
from common.kinds.video.requests import GenerateRequest
from tests.resolving import resolve
from tests.toy.model_config import SPEC, VARIANT

LTX_LIKE = replace(
    VARIANT.limits, size_multiple=32, frames_step=8, min_frames=9, max_frames=481, max_pixels=2**21
)
WAN_LIKE = replace(VARIANT.limits, min_frames=5, fixed_fps=16)


def resolved(limits: Limits = VARIANT.limits, picture: Picture | None = None, **fields: object):
    request = GenerateRequest.model_validate({"prompt": "a cat", **fields})
    return resolve(request, SPEC, replace(VARIANT, limits=limits), picture)


def adjusted(resolution: Resolution) -> dict[str, tuple[object, object]]:
    return {change.field: (change.requested, change.resolved) for change in resolution.adjustments}


def refusal(limits: Limits = VARIANT.limits, **fields: object) -> Unresolvable:
    with pytest.raises(Unresolvable) as error:
        resolved(limits, **fields)
    return error.value


def test_the_example_of_the_plan():
    plan = resolved(LTX_LIKE, duration=5, resolution="1024x576", fps=24, seed=42)
    request = plan.request
    assert (request.num_frames, request.width, request.height) == (121, 1024, 576)
    assert (request.fps, request.seed, round(request.duration, 2)) == (24, 42, 5.04)
    assert adjusted(plan) == {"duration": (5, 5.042)}


def test_defaults_are_taken_as_they_are():
    request = resolved().request
    defaults = VARIANT.defaults
    assert (request.width, request.height) == (defaults.width, defaults.height)
    assert request.num_frames == defaults.num_frames
    assert request.negative_prompt == "ugly"
    assert request.num_inference_steps == defaults.num_inference_steps


def test_an_absent_seed_is_drawn_anew_each_time():
    assert resolved().request.seed != resolved().request.seed


def test_a_native_rate_is_taken_and_said_so_and_keeps_the_duration():
    plan = resolved(WAN_LIKE, fps=24, duration=5)
    assert (plan.request.fps, plan.request.num_frames) == (16, 81)
    assert adjusted(plan) == {"fps": (24, 16), "duration": (5, 5.062)}
    assert "16" in plan.adjustments[0].reason


@pytest.mark.parametrize(("asked", "made"), [(9, 9), (10, 9), (11, 13), (12, 13), (161, 161)])
def test_frame_counts_are_snapped_to_the_nearest_legal_one(asked: int, made: int):
    plan = resolved(WAN_LIKE, num_frames=asked)
    assert plan.request.num_frames == made
    assert adjusted(plan) == ({} if asked == made else {"num_frames": (asked, made)})


@pytest.mark.parametrize(
    ("fields", "param", "nearest"),
    [
        ({"num_frames": 1000}, "num_frames", "161"),
        ({"num_frames": 1}, "num_frames", "5"),
        ({"duration": 60}, "duration", "10.06"),
        ({"duration": 0.01}, "duration", "0.31"),
    ],
)
def test_a_length_out_of_range_names_the_nearest(
    fields: dict[str, object], param: str, nearest: str
):
    error = refusal(WAN_LIKE, **fields)
    assert error.body.param == param
    assert "5 to 161 frames" in error.body.message
    assert nearest in (error.body.hint or "")


def test_a_limit_in_seconds_holds_at_every_rate():
    limits = replace(LTX_LIKE, max_seconds=20.1)
    assert resolved(limits, duration=20, fps=24).request.num_frames == 481
    assert resolved(limits, duration=20, fps=8).request.num_frames == 161
    assert "Ask for 161" in (refusal(limits, num_frames=481, fps=8).body.hint or "")


def test_a_checkpoint_of_a_set_number_of_steps_takes_no_other():
    limits = replace(LTX_LIKE, min_steps=8, max_steps=8)
    error = refusal(limits, num_inference_steps=4)
    assert error.body.param == "num_inference_steps"
    assert "8 to 8" in error.body.message


def test_sides_are_snapped_and_reported():
    plan = resolved(LTX_LIKE, resolution="1000x570")
    assert (plan.request.width, plan.request.height) == (992, 576)
    assert adjusted(plan) == {"resolution": ("1000x570", "992x576")}


@pytest.mark.parametrize(
    ("resolution", "nearest"), [("4096x2304", "1280x720"), ("1280x8", "1280x16")]
)
def test_a_size_out_of_range_names_the_nearest(resolution: str, nearest: str):
    error = refusal(resolution=resolution)
    assert error.body.param == "resolution"
    assert "16 to 1280" in error.body.message
    assert nearest in (error.body.hint or "")


def test_a_changed_aspect_is_refused_with_what_would_come():
    error = refusal(LTX_LIKE, resolution="80x40")
    assert "5 %" in error.body.message
    assert "96x32" in (error.body.hint or "")


@pytest.mark.parametrize(
    ("fields", "param", "way_out"),
    [
        ({"fps": 100}, "fps", "60"),
        ({"fps": 1}, "fps", "8"),
        ({"num_inference_steps": 101}, "num_inference_steps", "100"),
        ({"guidance_scale": 21}, "guidance_scale", "20"),
    ],
)
def test_other_ranges_name_their_limit(fields: dict[str, object], param: str, way_out: str):
    error = refusal(**fields)
    assert error.body.param == param
    assert way_out in (error.body.hint or "")


def test_a_pictures_shape_is_kept_when_no_size_is_given():
    request = resolved(LTX_LIKE, Picture("x.png", 1000, 500)).request
    assert request.width / request.height == pytest.approx(2, rel=0.1)
    assert str(request.image) == "x.png"


@pytest.mark.parametrize("width", [1880, 1900, 1920, 1000, 500])
def test_a_pictures_size_stays_inside_the_pixel_limit(width: int):
    hd = replace(VARIANT, defaults=replace(VARIANT.defaults, width=1280, height=720))
    request = GenerateRequest(prompt="a cat")
    made = resolve(request, SPEC, hd, Picture("x.png", width, 1080)).request
    assert 0.8 * 1280 * 720 < made.width * made.height <= hd.limits.max_pixels


def test_a_picture_of_another_shape_is_cut_and_that_is_reported():
    plan = resolved(picture=Picture("x.png", 1000, 500), resolution="640x480")
    assert adjusted(plan) == {"image": ("1000x500", "640x480")}
    assert adjusted(resolved(picture=Picture("x.png", 1280, 960), resolution="640x480")) == {}


def test_a_picture_that_is_too_thin_is_refused():
    with pytest.raises(Unresolvable, match="too long and thin"):
        resolved(picture=Picture("x.png", 5000, 20))


def test_a_picture_needs_a_checkpoint_that_takes_one():
    text_only = replace(VARIANT, capabilities=frozenset({Capability.TEXT_TO_VIDEO}))
    request = GenerateRequest(prompt="a cat")
    with pytest.raises(Unresolvable, match="text only"):
        resolve(request, SPEC, text_only, Picture("x.png", 64, 64))


def test_an_image_checkpoint_needs_a_picture():
    image_only = replace(VARIANT, capabilities=frozenset({Capability.IMAGE_TO_VIDEO}))
    with pytest.raises(Unresolvable, match="starts from a picture"):
        resolve(GenerateRequest(prompt="a cat"), SPEC, image_only)


def test_sound_is_made_where_it_can_be_and_refused_where_it_cannot():
    silent = replace(VARIANT, capabilities=frozenset({Capability.TEXT_TO_VIDEO}))
    assert resolved().request.generate_audio
    assert not resolved(generate_audio=False).request.generate_audio
    assert not resolve(GenerateRequest(prompt="a cat"), SPEC, silent).request.generate_audio
    with pytest.raises(Unresolvable, match="no sound"):
        resolve(GenerateRequest(prompt="a cat", generate_audio=True), SPEC, silent)


def test_options_are_the_models_own():
    assert resolved(options={"step_seconds": 2}).request.options["step_seconds"] == 2
    with pytest.raises(InvalidRequest) as error:
        resolved(options={"flow_shift": 3})
    assert error.value.body.param == "options.flow_shift"
    assert "step_seconds" in (error.value.body.hint or "")
