"""Two stages of LTX-2: who gets them, what is said where somebody does not, and what they cost."""

from pathlib import Path
from typing import Any

import pytest

from common.base.errors import Unresolvable
from common.base.settings import Settings
from common.contract import Resolution
from common.contract.variants import Extra
from common.kinds.video import VIDEO_KIND, Capability, VideoVariant
from common.kinds.video.clips import Retaken
from common.kinds.video.frame_size import Picture
from common.kinds.video.requests import GenerateRequest
from common.kinds.video.second_stage import SecondStage
from common.kinds.video.two_stages import Offer, offer, wanted
from ltx2.estimates import estimate_flops, forward_flops, stages_of
from ltx2.model_config import DISTILLED, DISTILLED_2_3, LTX_2_0, LTX_2_3, SPEC
from tests.resolving import resolve
from wan21.model_config import SPEC as WAN21

HERE = SecondStage(num_inference_steps=3, size_bytes=8_670_000_000, revision="main")


def settings(**fields: Any) -> Settings:
    return Settings(_env_file=None, **fields)


def asked(
    offered: Offer | None = HERE, beginning: Any = None, variant: VideoVariant = LTX_2_0, **of: Any
) -> Resolution:
    request = GenerateRequest.model_validate({"prompt": "a cat", "seed": 1, **of})
    here = offered if wanted(request, variant) else None
    return resolve(request, SPEC, variant, beginning, offered=here)


def put(models: Path, extra: Extra) -> None:
    folder = models / f"models--{extra.repository.replace('/', '--')}"
    snapshot = folder / "snapshots" / extra.revision
    for name in extra.files:
        (snapshot / name).parent.mkdir(parents=True, exist_ok=True)
        (snapshot / name).write_bytes(b"12345")


def test_high_has_two_stages_and_nothing_else_does():
    high = asked(preset="high").request
    assert (high.width, high.height, high.second_stage) == (1536, 1024, HERE)
    assert (high.num_inference_steps, high.steps_taken) == (40, 43)
    for fields in ({}, {"preset": "draft"}, {"preset": "standard"}, {"resolution": "1536x1024"}):
        assert asked(**fields).request.second_stage is None
    assert asked(preset="high", two_stages=False).request.second_stage is None
    assert asked(preset="high", two_stages=False).adjustments == ()


def test_sides_are_multiples_of_64_so_that_halves_are_legal():
    made = asked(two_stages=True, resolution="1920x1080")
    assert (made.request.width, made.request.height) == (1920, 1088)
    assert "multiples of 64" in made.adjustments[0].reason
    tall = asked(preset="high", beginning=Picture("a.png", 900, 1600)).request
    assert tall.second_stage
    assert tall.width % 64 == tall.height % 64 == 0


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"resolution": "768x512"}, "no more pixels than 768x512"),
        ({"resolution": "1920x224"}, "aspect"),
        ({"beginning": Retaken("a.mp4", 1024, 768, 49, 2.0, 24, 0.5, 1)}, "in one stage"),
    ],
)
def test_a_preset_goes_without_and_says_why(fields: dict[str, Any], reason: str):
    made = asked(preset="high", **fields)
    assert made.request.second_stage is None
    (change,) = [each for each in made.adjustments if each.field == "two_stages"]
    assert reason in change.reason


def test_what_is_asked_for_by_name_is_made_so_or_refused():
    assert asked(two_stages=True, resolution="128x128").request.second_stage
    for fields in (
        {"resolution": "64x64"},
        {"beginning": Retaken("a.mp4", 1024, 768, 49, 2.0, 24, 0.5, 1)},
        {"offered": offer(LTX_2_0, settings(models_dir="none"))},
        {"offered": offer(WAN21.variants[0], settings())},
    ):
        with pytest.raises(Unresolvable) as caught:
            asked(two_stages=True, **fields)
        assert caught.value.body.param in ("two_stages", "resolution")
        assert caught.value.body.hint


def test_the_files_decide_and_a_setting(tmp_path: Path):
    here = settings(models_dir=tmp_path)
    for variant in (LTX_2_0, DISTILLED_2_3, LTX_2_3, DISTILLED):  # of its two files one is there
        missing = offer(variant, here)
        assert not isinstance(missing, SecondStage)
        assert missing.hint == f"Run: scripts/download_models.sh {variant.checkpoint}"
        assert variant.extra
        put(tmp_path, variant.extra)
        found, size = offer(variant, here), 5 * len(variant.extra.files)
        assert isinstance(found, SecondStage)
        assert (found.size_bytes, found.revision) == (size, variant.extra.revision)
        assert Capability.TWO_STAGES in VIDEO_KIND.bounded(variant, here).capabilities
        off = VIDEO_KIND.bounded(variant, settings(models_dir=tmp_path, two_stages=False))
        assert Capability.TWO_STAGES not in off.capabilities
        assert not wanted(GenerateRequest(prompt="x", preset="high"), off)
    compiled = settings(models_dir=tmp_path, compile_blocks=True)
    assert not isinstance(offer(LTX_2_0, compiled), SecondStage)
    assert isinstance(offer(DISTILLED, compiled), SecondStage)


def test_a_job_costs_both_stages_and_the_upsampler():
    once, twice = asked(preset="high", two_stages=False).request, asked(preset="high").request
    half, whole = stages_of(twice)
    assert (half.width, half.height, half.guidance_scale) == (768, 512, 3)
    assert (whole.num_inference_steps, whole.guidance_scale, whole.options) == (3, 1, {})
    assert stages_of(once) == (once,)
    denoising = forward_flops(half) * 4 * 40 + forward_flops(whole) * 3
    upsampling = estimate_flops(twice) - denoising
    assert 0 < upsampling < forward_flops(whole) / 10
    assert estimate_flops(twice) < estimate_flops(once) / 4
