"""When two jobs count as the same: whatever decides a video changes its fingerprint."""

import os
from pathlib import Path
from typing import Any

import pytest

from common.base.settings import Settings
from common.contract import fingerprints
from common.contract.fingerprints import Fingerprints
from common.contract.variants import Checkpoint
from common.kinds.video.loras import ResolvedLora
from common.kinds.video.requests import GenerateRequest
from common.kinds.video.resolved import ResolvedRequest
from common.kinds.video.sameness import ELSEWHERE
from common.kinds.video.second_stage import SecondStage
from common.kinds.video.upscaler import ResolvedUpscaler, Upscaler
from tests.contract.test_store import RESOLVED
from tests.kinds.text.model_config import SPEC as TEXT
from tests.toy.model_config import SPEC

CHECKPOINT = Checkpoint("a/b", "r", Path("c"))
KITES = (ResolvedLora(name="kites", strength=1, size_bytes=1),)


def of(
    fields: dict[str, Any] | None = None,
    uploads: dict[str, str] | None = None,
    checkpoint: Checkpoint = CHECKPOINT,
    weights: str = "bf16",
    **settings: Any,
) -> str | None:
    chosen = Settings(_env_file=None, **settings)
    request = RESOLVED.model_copy(update=fields or {})
    return Fingerprints(SPEC, chosen, lambda _: weights).of(request, uploads or {}, checkpoint)


@pytest.mark.parametrize(
    "fields",
    [
        {"prompt": "a dog"},
        {"negative_prompt": "rain"},
        {"width": 80},
        {"height": 64},
        {"num_frames": 13},
        {"fps": 9.0},
        {"seed": 7},
        {"num_inference_steps": 4},
        {"guidance_scale": 2.0},
        {"generate_audio": True},
        {"video_frames": 4},
        {"options": {"step_seconds": 1}},
        {"frame_interpolation_exp": 1},
        {"upscaling_scale": 2},
        {"upscaler": ResolvedUpscaler(name=Upscaler.X4PLUS)},
        {"second_stage": SecondStage(num_inference_steps=3, size_bytes=1, revision="main")},
    ],
    ids=str,
)
def test_what_decides_a_video_tells_it_apart(fields: dict[str, Any]) -> None:
    assert of(fields) not in (None, of())


def test_every_field_of_a_request_was_thought_of() -> None:
    """The parameters above, LoRAs below, and what decides nothing."""
    named = {"prompt", "negative_prompt", "width", "height", "num_frames", "fps", "seed"}
    named |= {"num_inference_steps", "guidance_scale", "generate_audio", "video_frames", "options"}
    named |= {"frame_interpolation_exp", "upscaling_scale", "loras", "strength", "second_stage"}
    named |= {"upscaler"}
    named |= {"enhance_prompt", "enhanced_prompt"}  # so that a rewritten prompt is written anew
    named |= {"keyframes", "extend_frames", "retake_frames", "retake_from", "retake_to"}
    assert named | ELSEWHERE == set(ResolvedRequest.model_fields)


def test_where_a_value_came_from_does_not() -> None:
    assert of({"preset": "draft"}) == of()
    named = of({"image": Path("one.png")}, {"image": "digest"})
    assert named == of({"image": Path("two.png")}, {"image": "digest"}) != of()
    assert named != of({"image": Path("one.png")}, {"image": "other digest"})
    assert named != of({}, {"video": "digest"})


def test_what_makes_it_does(monkeypatch: pytest.MonkeyPatch) -> None:
    other = Checkpoint("a/b", "r2", Path("c"))
    settings = {"video_crf": 20, "attention_backend": "flash", "compile_blocks": True}
    each = [of(**{name: value}) for name, value in settings.items()]
    each += [of(), of(checkpoint=other), of(weights="fp8")]
    monkeypatch.setattr(fingerprints, "__version__", "0.0.0")
    each.append(of())
    assert len(set(each)) == len(each)
    assert of(log_level="DEBUG") == of()


def test_a_lora_is_its_file(tmp_path: Path) -> None:
    def with_kites(strength: float = 1) -> str | None:
        loras = (KITES[0].model_copy(update={"strength": strength}),)
        return of({"loras": loras}, models_dir=tmp_path)

    file = tmp_path / "loras" / "kites.safetensors"
    file.parent.mkdir()
    assert with_kites() is None
    file.write_bytes(b"one")
    first = with_kites()
    assert first == with_kites() != with_kites(0.5)
    time = file.stat().st_mtime_ns
    file.with_suffix(".new").write_bytes(b"two")
    os.utime(file.with_suffix(".new"), ns=(time, time))
    file.with_suffix(".new").replace(file)
    assert with_kites() not in (None, first)


def test_nobody_tells_where_it_is_off_or_a_kind_knows_nothing_of_it() -> None:
    assert of(request_cache=False) is None
    chosen = Settings(_env_file=None)
    text = Fingerprints(TEXT, chosen, lambda _: "")
    assert text.of(TEXT.kind.nothing, {}, CHECKPOINT) is None


def test_only_a_client_that_gives_a_seed_asks_for_the_same() -> None:
    asked = {"prompt": "a cat"}
    for more, repeats in (({}, False), ({"seed": 0}, True), ({"seed": 0, "no_cache": True}, False)):
        assert GenerateRequest.model_validate(asked | more).may_repeat is repeats
