"""Videos that are continued: which lengths follow them, what is reported, who may do it."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from common.base.errors import Unresolvable
from common.base.settings import Settings
from common.contract import Resolution
from common.kinds.video import VIDEO_KIND, Capability, VideoInput, VideoVariant
from common.kinds.video.beginnings import limits_after
from common.kinds.video.clips import Clip, Extended, Remade, Retaken
from common.kinds.video.frame_size import LastPicture, Picture
from common.kinds.video.requests import GenerateRequest
from common.kinds.video.resolver import resolve as resolve_video
from magi1.model_config import SPEC
from tests.resolving import resolve
from tests.toy.model_config import SPEC as TOY
from wan21.model_config import FLF2V_720P, I2V_480P, T2V_14B
from wan21.model_config import SPEC as WAN

MAGI = SPEC.variants[0]


def clip(frames: int = 32, seconds: float = 32 / 24, width: int = 720, height: int = 720) -> Clip:
    return Clip("x.mp4", width, height, num_frames=frames, seconds=seconds)


def continued(video: Clip, **fields: object) -> Resolution:
    return resolve(GenerateRequest(prompt="a cat", **fields), SPEC, MAGI, video)  # type: ignore[arg-type]


@pytest.mark.parametrize("frames", range(4, 33, 4))
@pytest.mark.parametrize("asked", [24, 25, 96, 600])
def test_old_and_new_frames_are_whole_chunks(frames: int, asked: int):
    request = continued(clip(frames), num_frames=asked).request
    assert (request.video_frames + request.num_frames) % 24 == 0
    assert request.video_frames == frames
    assert abs(request.num_frames - asked) <= 12 + 11
    assert request.num_frames >= 12
    assert request.duration == (frames + request.num_frames) / 24


def test_the_nearest_length_is_taken_and_reported():
    found = continued(clip(), duration=4)
    (change,) = found.adjustments
    assert (change.field, change.requested) == ("duration", 4)
    assert found.request.num_frames == 88
    assert change.reason == "frame counts are 24n+16 at 24 fps"
    assert continued(clip(), num_frames=88).adjustments == ()
    assert continued(clip()).request.num_frames == 88


@pytest.mark.parametrize("frames", range(4, 33, 4))
def test_the_ends_of_the_range_move_by_less_than_a_step(frames: int):
    limits = limits_after(clip(frames), MAGI.limits, MAGI.defaults.fps)
    assert 12 <= limits.min_frames < 36
    assert MAGI.limits.max_frames - 24 < limits.max_frames <= MAGI.limits.max_frames
    with pytest.raises(Unresolvable, match="num_frames is out of range"):
        continued(clip(frames), num_frames=14_500)


def test_without_a_video_nothing_moves():
    assert limits_after(Picture("x.png", 64, 64), MAGI.limits, 24) is MAGI.limits
    assert limits_after(None, MAGI.limits, 24) is MAGI.limits


@pytest.mark.parametrize(
    ("available", "taken"),
    [(4, 4), (7, 4), (8, 8), (11, 8), (13, 12), (25, 24), (31, 28), (32, 32), (100, 32)],
)
def test_a_rest_that_makes_no_latent_frame_is_left_out(available: int, taken: int):
    video_input = MAGI.limits.video_input
    assert video_input is not None
    assert video_input.taken(available) == taken


def test_another_size_and_frames_that_are_not_taken_are_reported():
    found = continued(clip(32, 5.0, 640, 480), resolution="512x512")
    made = [(change.field, change.requested, change.resolved) for change in found.adjustments]
    assert made == [("video", "640x480", "512x512"), ("video", "5.00 s", "32 frames, 1.33 s")]


def test_the_videos_own_shape_is_the_default():
    request = continued(clip(32, 2, 1920, 1080)).request
    assert (request.width, request.height) == (960, 544)
    assert (str(request.video), request.image) == ("x.mp4", None)
    assert list(request.uploads) == ["video"]
    with pytest.raises(Unresolvable, match="too long and thin") as refused:
        continued(clip(32, 2, 5000, 20))
    assert refused.value.body.param == "video"


def test_a_checkpoint_must_be_able_to():
    toy, request = TOY.variants[0], GenerateRequest(prompt="a cat")
    with pytest.raises(Unresolvable, match="does not continue videos") as refused:
        resolve(request, TOY, toy, clip())
    assert refused.value.body.param == "video"


def test_a_checkpoint_that_only_continues_needs_no_text_only_mode():
    taken = VideoInput(fps=24, min_frames=4, max_frames=32, frames_step=4)
    only = replace(
        MAGI,
        capabilities=frozenset({Capability.VIDEO_CONTINUATION}),
        limits=replace(MAGI.limits, video_input=taken),
    )
    assert resolve(GenerateRequest(prompt="a cat"), SPEC, only, clip()).request.video_frames == 32


def extended(frames: int = 81, fps: float = 16) -> Extended:
    return Extended("x.mp4", 832, 480, frames, frames / fps, fps)


def retaken(begin: float, end: float, frames: int = 81) -> Retaken:
    return Retaken("x.mp4", 832, 480, frames, frames / 16, 16, begin, end)


def of_wan(video: Clip, variant: VideoVariant = T2V_14B, **fields: object) -> Resolution:
    return resolve(GenerateRequest(prompt="a cat", **fields), WAN, variant, video)  # type: ignore[arg-type]


def test_what_goes_on_is_a_legal_length_behind_the_frame_that_is_seen():
    found = of_wan(extended(), I2V_480P, duration=2.0).request
    assert (found.extend_frames, found.video_frames, found.num_frames) == (81, 1, 32)
    assert found.clip_frames == 33
    assert found.duration == (81 + 32) / 16
    assert (found.width, found.height) == (832, 480)


def test_another_rate_and_more_frames_for_a_model_that_sees_them():
    found = continued(Extended("x.mp4", 720, 720, 160, 10.0, 16.0), num_frames=64)
    request = found.request
    assert (request.extend_frames, request.video_frames) == (240, 32)
    assert request.clip_frames % 24 == 0
    assert ("extend", "16 fps", "24 fps") in {
        (each.field, each.requested, each.resolved) for each in found.adjustments
    }
    with pytest.raises(Unresolvable, match="goes on from 4 at least"):
        continued(Extended("x.mp4", 720, 720, 3, 3 / 24, 24.0))


def test_a_span_is_in_frames_and_within_the_video():
    found = of_wan(retaken(1.0, 2.0)).request
    assert (found.num_frames, found.retake_frames, found.retake_span) == (81, 81, (16, 32))
    assert found.duration == 81 / 16
    assert of_wan(retaken(5.0, 81 / 16)).request.retake_span == (80, 81)
    assert of_wan(retaken(0.0, 0.01)).request.retake_span == (0, 1)
    longer = of_wan(retaken(1.0, 2.0, frames=400)).request
    assert (longer.num_frames, longer.retake_frames, longer.duration) == (161, 400, 25.0)
    for span in ((1.0, 6.0), (11.0, 12.0)):
        with pytest.raises(Unresolvable) as refused:
            of_wan(retaken(*span, frames=81 if span[1] == 6 else 400))
        assert refused.value.body.param == "retake.to"


def test_made_anew_it_is_as_long_as_the_video_allows():
    remade = Remade("x.mp4", 832, 480, 60, 60 / 16, 0.8)
    found = of_wan(remade, strength=0.8).request
    assert (found.num_frames, found.strength, found.video_frames) == (57, 0.8, 0)
    assert (found.steps_taken, found.num_inference_steps) == (40, 50)
    assert of_wan(remade, num_frames=21).request.num_frames == 21
    with pytest.raises(Unresolvable, match="num_frames is out of range"):
        of_wan(remade, num_frames=81)
    with pytest.raises(Unresolvable, match="too short"):
        of_wan(replace(remade, num_frames=4))


@pytest.mark.parametrize(
    ("video", "variant", "param"),
    [
        (extended(), T2V_14B, "extend"),
        (retaken(1, 2), I2V_480P, "retake"),
        (Remade("x.mp4", 832, 480, 60, 4.0, 0.8), I2V_480P, "strength"),
        (Clip("x.mp4", 832, 480, 60, 4.0), T2V_14B, "video"),
    ],
    ids=lambda value: getattr(value, "field", ""),
)
def test_who_cannot_says_so(video: Clip, variant: VideoVariant, param: str):
    with pytest.raises(Unresolvable) as refused:
        of_wan(video, variant)
    assert refused.value.body.param == param
    assert refused.value.body.hint


def test_from_a_first_picture_to_a_last_one():
    first, last = Picture("a.png", 1280, 720), LastPicture("b.png", 1280, 720)
    request = GenerateRequest(prompt="a cat")
    found = resolve(request, WAN, FLF2V_720P, first, last).request
    assert list(found.uploads) == ["image", "last_image"]
    for beginning, end, variant, param in (
        (first, None, FLF2V_720P, "last_image"),
        (None, last, FLF2V_720P, "image"),
        (first, last, I2V_480P, "last_image"),
    ):
        with pytest.raises(Unresolvable) as refused:
            resolve_video(request, WAN.id, WAN.options, variant, beginning, end)
        assert refused.value.body.param == param


@pytest.mark.parametrize("beginning", [None, Picture("a.png", 832, 480), extended()])
@pytest.mark.parametrize("strength", [0, 0.5])
def test_strength_without_a_video_to_make_anew_is_refused(
    beginning: Picture | None, strength: float, tmp_path: Path
):
    settings = Settings(_env_file=None, models_dir=tmp_path)
    intake = VIDEO_KIND.intake(WAN.id, WAN.options, I2V_480P, settings)
    fields = {} if strength else {"enable_upscaling": True, "upscaler": "latent"}
    request = GenerateRequest.model_validate({"prompt": "x", "strength": strength, **fields})
    with pytest.raises(Unresolvable) as refused:
        asyncio.run(intake.resolve(request, (beginning,) if beginning else ()))
    assert refused.value.body.param == "strength"
