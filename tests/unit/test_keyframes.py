"""Pictures at frames of a video: where they go, who takes them, and how they are stored."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from common.base.errors import Unresolvable
from common.contract import Resolution
from common.kinds.video.clips import Extended, Remade, Retaken
from common.kinds.video.frame_size import KeyPicture, LastPicture, Picture
from common.kinds.video.keyframes import ResolvedKeyframe
from common.kinds.video.requests import GenerateRequest
from common.kinds.video.resolved import ResolvedRequest
from common.kinds.video.sizing import shape
from common.kinds.video.sources import MAX_KEYFRAMES
from ltx2.estimates import estimate_flops, video_tokens
from ltx2.model_config import DISTILLED_2_3, LTX_2_0, SPEC
from tests.resolving import resolve
from wan21.model_config import I2V_480P
from wan21.model_config import SPEC as WAN

FIRST = Picture("a.png", 768, 512)
LAST = LastPicture("a.last.png", 768, 512)
ASKED = GenerateRequest(prompt="a cat", num_frames=17)


def key(frame: int, index: int = 0, strength: float = 1.0) -> KeyPicture:
    return KeyPicture(f"a.keyframe{index}.png", 768, 512, index, frame, strength)


def asked(*keys: KeyPicture, beginning: Any = None, last: Any = None) -> Resolution:
    return resolve(ASKED, SPEC, LTX_2_0, beginning, last, keys)


def test_a_frame_is_taken_as_it_is_asked_for() -> None:
    found = asked(key(5), key(-2, 1, 0.5), beginning=FIRST, last=LAST)
    places = [(str(one.path), one.frame, one.strength) for one in found.request.keyframes]
    assert places == [("a.keyframe0.png", 5, 1.0), ("a.keyframe1.png", 15, 0.5)]
    assert list(found.request.uploads) == ["image", "last_image", "keyframe0", "keyframe1"]
    assert found.request.guides == 3
    assert not found.adjustments


@pytest.mark.parametrize("sent", ['{"a":' * 100_000, '{"a":' * 150, r'{"job": "\ud83d"}', "{"])
def test_a_text_that_says_no_object_stays_one(sent: str) -> None:
    assert GenerateRequest(prompt="x", last_image=sent).last_image == sent, "and is no base64"


@pytest.mark.parametrize("variant", [LTX_2_0, DISTILLED_2_3], ids=lambda one: one.name)
def test_a_last_picture_needs_no_first_one(variant: Any) -> None:
    found = resolve(ASKED, SPEC, variant, None, LastPicture("b.png", 512, 768)).request
    assert (found.image, str(found.last_image)) == (None, "b.png")
    assert (found.width, found.height) == (512, 768), "its shape, where there is no other"


def test_behind_a_video_frames_count_what_is_new() -> None:
    video = Extended("a.mp4", 768, 512, 40, 40 / 24, 24)
    found = asked(key(3), key(-1, 1), beginning=video).request
    assert [one.frame for one in found.keyframes] == [3, found.num_frames - 1]
    assert (found.num_frames, found.video_frames) == (16, 9)


@pytest.mark.parametrize(
    ("keys", "given", "param", "words"),
    [
        ([key(17)], {}, "keyframes.0.frame", "17 frames are made"),
        ([key(-18)], {}, "keyframes.0.frame", "17 frames are made"),
        ([key(0)], {"beginning": FIRST}, "keyframes.0.frame", "image is that frame already"),
        ([key(-1)], {"last": LAST}, "keyframes.0.frame", "last_image is that frame already"),
        ([key(3), key(3, 1)], {}, "keyframes.1.frame", "keyframes.0 is that frame already"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_frame_that_cannot_be_is_named(
    keys: list[KeyPicture], given: dict[str, Any], param: str, words: str
) -> None:
    with pytest.raises(Unresolvable, match=words) as refused:
        asked(*keys, **given)
    assert refused.value.body.param == param
    assert refused.value.body.hint


def test_who_takes_none_says_so() -> None:
    with pytest.raises(Unresolvable, match="takes no pictures on its way") as refused:
        resolve(ASKED, WAN, I2V_480P, FIRST, None, [key(3)])
    assert refused.value.body.param == "keyframes"
    with pytest.raises(Unresolvable, match="ends with no picture") as refused:
        resolve(ASKED, WAN, I2V_480P, FIRST, LAST)
    assert refused.value.body.param == "last_image"


@pytest.mark.parametrize(
    "video",
    [Remade("x.mp4", 768, 512, 40, 1.6, 0.8), Retaken("x.mp4", 768, 512, 40, 1.6, 24, 0, 1)],
    ids=lambda video: video.field,
)
def test_what_is_made_anew_has_a_picture_for_each_frame(video: Any) -> None:
    for field, given in (("last_image", {"last": LAST}), ("keyframes", {"keys": [key(3)]})):
        with pytest.raises(Unresolvable, match="has a picture for each") as refused:
            resolve(ASKED, SPEC, LTX_2_0, video, **given)
        assert refused.value.body.param == field


def test_its_shape_is_reported_by_its_place() -> None:
    square = KeyPicture("a.png", 512, 512, 1, 4, 1.0)
    (change,) = asked(key(3), square).adjustments
    assert (change.field, change.requested, change.resolved) == (
        "keyframes.1",
        "512x512",
        "768x512",
    )


def test_at_most_eight_and_no_strength_of_none() -> None:
    one = {"image": "aGk=", "frame": 1}
    for keys in ([one] * (MAX_KEYFRAMES + 1), [{**one, "strength": 0}], [{"image": "aGk="}]):
        with pytest.raises(ValidationError):
            GenerateRequest.model_validate({"prompt": "x", "keyframes": keys})


def test_the_record_repeats_no_file_and_jobs_are_found_by_their_place() -> None:
    job = {"job": "0" * 32, "frame": 3}
    keys = [{"image": "aGk=", "frame": 1}, {"image": job, "frame": 4, "strength": 0.5}]
    request = GenerateRequest.model_validate({"prompt": "x", "keyframes": keys})
    kept = request.recorded(exclude_unset=True)["keyframes"]
    assert kept == [{"frame": 1}, {"image": job, "frame": 4, "strength": 0.5}]
    assert request.used_jobs == {"keyframes.1.image": "0" * 32}
    assert request.keyframes
    assert request.keyframes[0].image == "aGk="


def resolved(**fields: Any) -> ResolvedRequest:
    return resolve(ASKED, SPEC, LTX_2_0).request.model_copy(update=fields)


def test_the_worker_and_a_retry_find_its_files() -> None:
    keys = tuple(
        ResolvedKeyframe(path=Path(f"{name}.png"), frame=frame, strength=1)
        for frame, name in enumerate("ab", 1)
    )
    request = resolved(keyframes=keys, last_image=Path("c.png"))
    seen = request.seen_by_model(
        {name: Path("/in") / path for name, path in request.uploads.items()}
    )
    assert [str(one.path) for one in seen.keyframes] == ["/in/a.png", "/in/b.png"]
    assert str(seen.last_image) == "/in/c.png"
    assert set(seen.__dict__) == set(request.__dict__)
    again = request.with_uploads({"keyframe1": Path("d.png")})
    assert [str(path) for path in again.uploads.values()] == ["c.png", "a.png", "d.png"]


def test_it_costs_the_tokens_of_a_latent_frame() -> None:
    plain, one = resolved(), resolved(last_image=Path("a.png"))
    frame = plain.width // 32 * (plain.height // 32)
    assert video_tokens(one) - video_tokens(plain) == frame
    assert estimate_flops(one) > estimate_flops(plain)
    assert shape(one) != shape(plain)


@pytest.mark.parametrize(("frames", "seen"), [(3, 1), (8, 1), (9, 9), (12, 9), (17, 9), (121, 9)])
def test_it_goes_on_from_whole_latents(frames: int, seen: int) -> None:
    video = Extended("a.mp4", 768, 512, frames, frames / 24, 24)
    found = resolve(GenerateRequest(prompt="x", num_frames=31), SPEC, LTX_2_0, video).request
    assert (found.video_frames, found.extend_frames, found.num_frames) == (seen, frames, 32)
    assert found.clip_frames % 8 == 1
    assert found.duration == (frames + 32) / 24


@pytest.mark.parametrize(("fps", "most"), [(24.0, 472), (50.0, 472), (12.0, 232)])
def test_with_what_it_sees_it_is_no_longer_than_it_was_trained_on(fps: float, most: int) -> None:
    video = Extended("a.mp4", 768, 512, 40, 40 / fps, fps)
    request = GenerateRequest(prompt="x", num_frames=most, fps=fps)
    found = resolve(request, SPEC, LTX_2_0, video).request
    assert (found.num_frames, found.clip_frames) == (most, most + 9)
    with pytest.raises(Unresolvable, match="out of range"):
        resolve(request.model_copy(update={"num_frames": most + 5}), SPEC, LTX_2_0, video)


@pytest.mark.parametrize(
    ("frames", "fps", "shown"), [(40, 24.0, 33), (9, 24.0, 9), (600, 24.0, 481), (600, 12.0, 241)]
)
def test_of_a_retake_it_is_shown_what_it_was_trained_on(
    frames: int, fps: float, shown: int
) -> None:
    video = Retaken("x.mp4", 768, 512, frames, frames / fps, fps, 0, 0.2)
    request = GenerateRequest(prompt="x", fps=fps)
    found = resolve(request, SPEC, LTX_2_0, video).request
    assert (found.num_frames, found.retake_frames) == (shown, frames)
    assert found.frames_shown == shown


@pytest.mark.parametrize(
    ("own", "asked", "made"),
    [(30.0, None, 30.0), (48.0, None, 48.0), (96.0, None, 24.0), (30, 24, 24)],
)
def test_a_finished_video_keeps_its_rate_where_it_can(
    own: float, asked: float | None, made: float
) -> None:
    known = ("x.mp4", 768, 512, 90, 90 / own, own)
    request = GenerateRequest(prompt="x", fps=asked)
    for video in (Extended(*known), Retaken(*known, 0, 0.2)):
        found = resolve(request, SPEC, LTX_2_0, video)
        assert found.request.fps == made
        assert bool(found.adjustments) == (own != made)
