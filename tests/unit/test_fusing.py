"""Which jobs are alike enough to be made together, and how a job of a batch keeps its books."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from common.contract import Phase
from common.contract.fusing import most_together, shape_of_batch
from common.kinds.video.fusing import OWN
from common.kinds.video.keyframes import ResolvedKeyframe
from common.kinds.video.loras import ResolvedLora
from common.kinds.video.resolved import ResolvedRequest
from common.kinds.video.second_stage import SecondStage
from tests.contract.test_store import RESOLVED
from tests.toy.model_config import SPEC
from tests.unit.test_worker_context import start
from waver.model_config import FUSED_TOKENS
from waver.model_config import SPEC as WAVER


def shape(**fields: Any) -> str | None:
    return shape_of_batch(SPEC, RESOLVED.model_copy(update=fields))


@pytest.mark.parametrize(
    "fields", [{"prompt": "a dog"}, {"negative_prompt": "rain"}, {"seed": 7}, {}], ids=str
)
def test_words_and_seed_may_differ(fields: dict[str, Any]) -> None:
    assert shape(**fields) == shape() is not None


@pytest.mark.parametrize(
    "fields",
    [
        {"width": 80},
        {"height": 64},
        {"num_frames": 13},
        {"fps": 9.0},
        {"num_inference_steps": 4},
        {"guidance_scale": 2.0},
        {"generate_audio": True},
        {"options": {"step_seconds": 1}},
        {"loras": (ResolvedLora(name="a", strength=1, size_bytes=1),)},
        {"image": Path("a.png")},
    ],
    ids=str,
)
def test_all_else_must_be_equal(fields: dict[str, Any]) -> None:
    assert shape(**fields) not in (None, shape())


def test_every_field_of_a_request_was_thought_of() -> None:
    """A new field is compared unless it is named as a clip's own."""
    compared = set(ResolvedRequest.model_fields) - OWN
    assert compared == {
        *("width", "height", "num_frames", "fps", "num_inference_steps", "guidance_scale"),
        *("generate_audio", "video", "video_frames", "options", "loras"),
        "second_stage",  # not fused at all, likewise
        *(
            "frame_interpolation_exp",
            "upscaling_scale",
            "upscaler",
        ),  # not fused at all, where they say anything
        *("last_image", "keyframes", "reference_images", "strength", "extend", "extend_frames"),
        *("retake", "retake_frames", "retake_from", "retake_to"),
    }


def test_pictures_may_differ_videos_are_never_fused() -> None:
    assert shape(image=Path("a.png")) == shape(image=Path("b.png"))
    assert shape(video=Path("a.mp4"), video_frames=4) is None
    assert shape(extend=Path("a.mp4"), extend_frames=9, video_frames=1) is None
    assert shape(retake=Path("a.mp4"), retake_frames=9, retake_to=3) is None
    assert shape(image=Path("a.png"), last_image=Path("b.png")) is None
    key = ResolvedKeyframe(path=Path("a.png"), frame=4, strength=1)
    assert shape(keyframes=(key,)) is None
    assert shape(reference_images=(Path("a.png"),)) is None


def test_refined_frames_hold_up_nobody() -> None:
    assert shape(upscaling_scale=2) is None
    assert shape(frame_interpolation_exp=1) is None


def test_a_second_stage_holds_up_nobody() -> None:
    stage = SecondStage(num_inference_steps=3, size_bytes=1, revision="main")
    assert shape(second_stage=stage) is None


def test_a_prompt_that_is_still_to_be_written_holds_up_nobody() -> None:
    assert shape(enhance_prompt=True) is None
    assert shape(enhance_prompt=True, enhanced_prompt="a tabby cat") == shape() is not None


def test_a_model_that_cannot_has_no_shapes() -> None:
    for spec in (replace(SPEC, generate_batch=None), replace(SPEC, max_batch=1)):
        assert shape_of_batch(spec, RESOLVED) is None
    assert most_together(replace(SPEC, generate_batch=None), 4) == 1


@pytest.mark.parametrize(("setting", "most"), [(None, 4), (2, 2), (1, 1), (100, 4)])
def test_the_setting_lowers_the_models_own_limit(setting: int | None, most: int) -> None:
    assert most_together(SPEC, setting) == most


def test_waver_fuses_small_clips_only() -> None:
    small = RESOLVED.model_copy(update={"width": 256, "height": 256, "num_frames": 25})
    large = RESOLVED.model_copy(update={"width": 832, "height": 480, "num_frames": 121})
    assert shape_of_batch(WAVER, small) is not None
    assert shape_of_batch(WAVER, large) is None
    assert FUSED_TOKENS * WAVER.max_batch < 27_280, "no batch takes as long as one default clip"


def test_what_a_batch_shares_is_divided_and_waiting_is_not_charged() -> None:
    running, _, clock = start()
    running.batch_size = 4
    running.progress(Phase.LOADING)
    clock.now += 10
    running.progress(Phase.ENCODING_PROMPT)
    clock.now += 2
    running.progress(Phase.DENOISING, 0, 5)
    clock.now += 8
    running.share()
    clock.now += 100  # its neighbours' frames are decoded
    running.resume()
    running.progress(Phase.DECODING, 0, 2)
    clock.now += 3
    running.finish()
    assert running.timings == {
        "loading": 10,
        "encoding_prompt": 0.5,
        "denoising": 2,
        "decoding": 3,
    }
