"""Pictures of what a video shows: who takes them, where they are kept, what they cost."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from common.base.errors import Unresolvable
from common.contract import Resolution
from common.kinds.video.clips import Control, Extended, Remade, Retaken
from common.kinds.video.frame_size import LastPicture, Picture, ReferencePicture
from common.kinds.video.requests import GenerateRequest
from common.kinds.video.sizing import shape
from common.kinds.video.sources import MAX_REFERENCES
from tests.resolving import resolve
from wan21.estimates import num_tokens
from wan21.flow_shift import flow_shift_for
from wan21.model_config import SPEC, T2V_14B, VACE_1_3B, VACE_14B

ASKED = GenerateRequest(prompt="a cat", num_frames=17)
PICTURES = tuple(ReferencePicture(f"a.reference{at}.png", 30, 900, at) for at in range(2))


def asked(beginning: Any = None, last: Any = None) -> Resolution:
    request = ASKED
    if isinstance(beginning, Retaken):  # its length is the video's
        request = GenerateRequest(prompt="a cat")
    return resolve(request, SPEC, VACE_14B, beginning, last, (), PICTURES)


def test_they_are_kept_by_their_places_and_decide_no_size() -> None:
    found = asked()
    request = found.request
    assert list(request.uploads) == ["reference0", "reference1"]
    assert (request.width, request.height) == (832, 480), "however thin they are"
    assert not found.adjustments
    seen = request.seen_by_model({name: Path("/in") / x for name, x in request.uploads.items()})
    assert seen.reference_images == (Path("/in/a.reference0.png"), Path("/in/a.reference1.png"))
    again = request.with_uploads({"reference1": Path("b.png")})
    assert [str(path) for path in again.reference_images] == ["a.reference0.png", "b.png"]


def test_they_go_with_all_that_vace_takes() -> None:
    video = Extended("x.mp4", 832, 480, 40, 2.5, 16)
    spans = Retaken("x.mp4", 832, 480, 40, 2.5, 16, 0.5, 1)
    first, last = Picture("a.png", 832, 480), LastPicture("b.png", 832, 480)
    for beginning, end in ((first, last), (None, last), (video, last), (spans, None)):
        assert len(asked(beginning, end).request.reference_images) == 2
    seen = asked(video).request
    assert (seen.video_frames, seen.clip_frames % 4) == (17, 1), "a second of it, and whole latents"


def test_a_control_video_is_followed_as_long_as_it_is() -> None:
    video = Control("x.mp4", 480, 832, 30, 1.9)
    request = GenerateRequest(prompt="a cat")
    found = resolve(request, SPEC, VACE_14B, video, references=PICTURES).request
    assert (found.num_frames, found.width, found.height) == (29, 480, 832)
    assert (found.follows, found.clip_frames, found.needs_model) == (True, 29, True)
    with pytest.raises(Unresolvable, match="follows no video") as refused:
        resolve(request, SPEC, T2V_14B, video)
    assert refused.value.body.param == "video"
    with pytest.raises(Unresolvable, match="makes no video anew"):
        resolve(request, SPEC, VACE_14B, Remade("x.mp4", 480, 832, 30, 1.9, 0.5))


def test_who_takes_none_says_so() -> None:
    with pytest.raises(Unresolvable, match="no pictures of what it shows") as refused:
        resolve(ASKED, SPEC, T2V_14B, references=PICTURES)
    assert refused.value.body.param == "reference_images"
    assert "reference_images" in (refused.value.body.hint or "")


def test_at_most_four() -> None:
    with pytest.raises(ValidationError):
        GenerateRequest(prompt="x", reference_images=("aGk=",) * (MAX_REFERENCES + 1))


def test_the_record_repeats_no_file_and_jobs_are_found_by_their_place() -> None:
    job = {"job": "0" * 32, "frame": 3}
    request = GenerateRequest.model_validate({"prompt": "x", "reference_images": ["aGk=", job]})
    assert request.recorded(exclude_unset=True)["reference_images"] == [None, job]
    assert request.used_jobs == {"reference_images.1": "0" * 32}


def test_each_costs_the_tokens_of_a_latent_frame() -> None:
    plain, both = resolve(ASKED, SPEC, VACE_14B).request, asked().request
    assert num_tokens(both) - num_tokens(plain) == 2 * (832 // 16) * (480 // 16)
    assert shape(both) != shape(plain)


@pytest.mark.parametrize("heads", [12, 40])
def test_vace_has_one_shift_for_all(heads: int) -> None:
    for size in ((832, 480), (1280, 720)):
        shift = flow_shift_for(*size, num_attention_heads=heads, from_picture=False, vace=True)
        assert shift == 16
    assert VACE_1_3B.defaults == VACE_14B.defaults
