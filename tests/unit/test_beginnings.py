"""Videos that are continued: which lengths follow them, what is reported, who may do it."""

from dataclasses import replace

import pytest

from common.base.errors import Unresolvable
from common.contract import Resolution
from common.kinds.video import Capability, VideoInput
from common.kinds.video.beginnings import Clip, limits_after
from common.kinds.video.frame_size import Picture
from common.kinds.video.requests import GenerateRequest
from magi1.model_config import SPEC
from tests.resolving import resolve
from tests.toy.model_config import SPEC as TOY

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
    limits = limits_after(clip(frames), MAGI.limits)
    assert 12 <= limits.min_frames < 36
    assert MAGI.limits.max_frames - 24 < limits.max_frames <= MAGI.limits.max_frames
    with pytest.raises(Unresolvable, match="num_frames is out of range"):
        continued(clip(frames), num_frames=14_500)


def test_without_a_video_nothing_moves():
    assert limits_after(Picture("x.png", 64, 64), MAGI.limits) is MAGI.limits
    assert limits_after(None, MAGI.limits) is MAGI.limits


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
