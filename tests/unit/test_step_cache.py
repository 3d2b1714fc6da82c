"""Step caches: who may have one, what it is told, and what a job's books say of it."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import common.runtime.libraries  # noqa: F401

import pytest
import torch
from diffusers import WanTransformer3DModel

from common.base.errors import CheckpointError, InvalidRequest, Unresolvable
from common.base.settings import SettingsError
from common.contract import LoadOptions, ModelSpec
from common.contract.compute_dtype import ComputeDtype
from common.contract.fusing import shape_of_batch
from common.contract.step_caches import StepCache, StepCaching
from common.kinds.video import Capability, VideoVariant
from common.kinds.video.frame_size import Picture
from common.kinds.video.requests import GenerateRequest
from common.kinds.video.resolved import ResolvedRequest
from common.kinds.video.sizing import shape, work
from common.kinds.video.step_cache import MIN_STEPS, THRESHOLDS
from common.runtime.kept_lora import Shelf
from common.runtime.linear_fp8 import quantize
from common.runtime.lora_names import to_diffusers_names
from common.runtime.step_cache import RATIOS_FILE, StepCaches
from tests.resolving import resolve
from tests.unit import test_wan21, test_waver
from tests.unit.test_kept_lora import CHANNELS, TEXT, small, use, write
from wan21.estimates import memory_of as wan_memory
from wan21.estimates import num_tokens
from wan21.mag_ratios import MAG_RATIOS as WAN_RATIOS
from wan21.model_config import I2V_480P_4STEP, T2V_14B, T2V_14B_4STEP
from wan21.model_config import SPEC as WAN
from waver.estimates import WAN_2_2
from waver.estimates import memory_of as waver_memory
from waver.estimates import num_tokens as waver_tokens
from waver.mag_ratios import MAG_RATIOS as WAVER_RATIOS
from waver.model_config import SPEC as WAVER
from waver.variants import TI2V_5B, WAVER_1_0

CACHES = pytest.mark.parametrize("cache", StepCache)
ALL = [(spec, variant) for spec in (WAN, WAVER) for variant in spec.variants]
WIDE = ComputeDtype.FLOAT32
RATIOS = {"wan21": WAN_RATIOS, "waver": WAVER_RATIOS}


def resolved(
    spec: ModelSpec = WAN, variant: VideoVariant = T2V_14B, **fields: Any
) -> ResolvedRequest:
    request = GenerateRequest.model_validate({"prompt": "a cat", **fields})
    needless = Capability.TEXT_TO_VIDEO in variant.capabilities
    picture = None if needless else Picture("cat.png", 832, 480)
    made: ResolvedRequest = resolve(request, spec, variant, picture).request
    return made


def refused(variant: VideoVariant = T2V_14B, spec: ModelSpec = WAN, **fields: Any) -> Unresolvable:
    with pytest.raises(Unresolvable) as caught:
        resolved(spec, variant, **fields)
    return caught.value


# The options


def test_nobody_has_one_who_does_not_ask() -> None:
    for spec, variant in ((WAN, T2V_14B), (WAVER, TI2V_5B)):
        options = resolved(spec, variant).options
        assert (options["step_cache"], options["step_cache_threshold"]) == (None, None)


@CACHES
def test_a_job_says_how_much_it_leaves_out(cache: StepCache) -> None:
    asked = {"step_cache": cache}
    assert resolved(options=asked).options["step_cache_threshold"] == THRESHOLDS[cache]
    own = resolved(WAVER, TI2V_5B, options={**asked, "step_cache_threshold": 0.3})
    assert own.options["step_cache_threshold"] == 0.3


@CACHES
@pytest.mark.parametrize("variant", [T2V_14B_4STEP, I2V_480P_4STEP], ids=lambda each: each.name)
def test_four_steps_have_none_to_leave_out(cache: StepCache, variant: VideoVariant) -> None:
    body = refused(variant, options={"step_cache": cache}).body
    assert "none of its 4 steps" in body.message
    assert (body.param, body.hint) == ("options.step_cache", "Leave it out.")


def test_of_an_unknown_model_nobody_knows() -> None:
    body = refused(WAVER_1_0, WAVER, options={"step_cache": "first_block"}).body
    assert "has no use for one." in body.message


def test_few_steps_are_refused_wherever_they_come_from() -> None:
    asked = {"step_cache": "mag"}
    body = refused(options=asked, num_inference_steps=MIN_STEPS - 1).body
    assert str(MIN_STEPS) in body.message
    assert body.hint is not None
    assert str(MIN_STEPS) in body.hint
    assert resolved(options=asked, num_inference_steps=MIN_STEPS).options["step_cache"] == "mag"
    assert resolved(options=asked, preset="draft").options["step_cache"] == "mag"


def test_a_threshold_of_nothing_is_a_mistake() -> None:
    assert refused(options={"step_cache_threshold": 0.1}).body.param == (
        "options.step_cache_threshold"
    )
    for wrong in ({"step_cache": "tea"}, {"step_cache": "mag", "step_cache_threshold": 0}):
        with pytest.raises(InvalidRequest, match=r"options\.step_cache"):
            resolved(options=wrong)


@pytest.mark.parametrize(("spec", "variant"), ALL, ids=lambda each: getattr(each, "name", ""))
def test_whoever_may_have_one_has_ratios(spec: ModelSpec, variant: VideoVariant) -> None:
    if Capability.STEP_CACHE in variant.capabilities:
        ratios = RATIOS[spec.id][variant.checkpoint]
        assert len(ratios) in (40, 50), "a step each of its authors' usual number"
        assert ratios[0] == 1
        assert all(0.8 < ratio < 1.03 for ratio in ratios)


def test_one_checkpoint_has_the_same_ratios_everywhere() -> None:
    shared = WAN_RATIOS.keys() & WAVER_RATIOS.keys()
    assert shared
    assert all(WAN_RATIOS[name] == WAVER_RATIOS[name] for name in shared)


# The books


@CACHES
def test_it_is_made_alone(cache: StepCache) -> None:
    fields = {"resolution": "256x256", "num_frames": 25}
    assert shape_of_batch(WAVER, resolved(WAVER, TI2V_5B, **fields)) is not None
    cached = resolved(WAVER, TI2V_5B, **fields, options={"step_cache": cache})
    assert shape_of_batch(WAVER, cached) is None


def test_what_is_learnt_of_it_is_learnt_apart() -> None:
    each = [
        resolved(options=options)
        for options in (
            {},
            {"step_cache": "mag"},
            {"step_cache": "mag", "step_cache_threshold": 0.12},
            {"step_cache": "first_block"},
        )
    ]
    assert len({shape(request) for request in each}) == 4
    ways = [work(request, 1.0).way for request in each]
    assert ways == ["", "mag 0.06", "mag 0.12", f"first_block {THRESHOLDS['first_block']:g}"]


@pytest.mark.parametrize(
    ("cache", "guidance_scale", "tensors"),
    [("first_block", 5, 6), ("first_block", 1, 3), ("mag", 5, 4), ("mag", 1, 2)],
)
def test_what_it_keeps_is_in_the_estimate(
    tmp_path: Path, cache: str, guidance_scale: float, tensors: int
) -> None:
    """Of each pass, with the usual headroom; in float32, where denoising leads."""
    wan, waver = tmp_path / "wan", tmp_path / "waver"
    for folder in (wan, waver):
        folder.mkdir()
    test_wan21.write_checkpoint(wan)
    test_waver.write_checkpoint(waver, test_waver.VAE_5B, heads=24)
    fields = {"num_frames": 161, "guidance_scale": guidance_scale}
    plain, cached = (
        resolved(**fields, resolution="1280x720", options=options)
        for options in ({}, {"step_cache": cache})
    )
    less, whole = (wan_memory(wan, each, WIDE).run_bytes for each in (plain, cached))
    assert whole - less == pytest.approx(num_tokens(plain) * 5120 * 4 * tensors * 1.5)
    plain, cached = (
        resolved(WAVER, TI2V_5B, **fields | {"num_frames": 241}, options=options)
        for options in ({}, {"step_cache": cache})
    )
    less, whole = (waver_memory(waver, each, WIDE).run_bytes for each in (plain, cached))
    assert whole - less == pytest.approx(waver_tokens(plain, WAN_2_2) * 3072 * 4 * tensors * 1.5)


# The hooks


def caching(cache: StepCache, threshold: float) -> StepCaching:
    return StepCaching(cache, threshold, num_inference_steps=4)


def known(*in_the_way: str) -> StepCaches:
    return StepCaches("org/model", (1.0, 0.99, 0.98, 0.97), in_the_way)


def seen(transformer: WanTransformer3DModel) -> Iterator[torch.Tensor]:
    """What four passes answer that are nearly alike, as a pipeline makes them."""
    torch.manual_seed(2)
    latents, words = torch.randn(1, CHANNELS, 2, 4, 4), torch.randn(1, 4, TEXT)
    for step in range(4):
        given = latents * (1 - step / 100)
        with torch.no_grad(), transformer.cache_context("cond"):
            yield transformer(given, torch.tensor([500.0]), words, return_dict=False)[0]


@CACHES
def test_kept_in_fp8_and_with_a_lora(tmp_path: Path, cache: StepCache) -> None:
    """Where nothing is alike enough all is computed, and is what it was; else it is near."""
    write(tmp_path, "one")
    transformer = small()
    for block in transformer.blocks:
        block.ffn.net[2] = quantize(block.ffn.net[2])
    shelf, answers = Shelf(tmp_path / "loras", to_diffusers_names), []
    for threshold in (None, 1e-9, 1.0):
        with ExitStack() as stack:
            stack.enter_context(shelf.applied(transformer, [use("one")]))
            if threshold:
                stack.enter_context(known().applied(transformer, caching(cache, threshold)))
            answers.append(torch.stack(list(seen(transformer))))
    whole, careful, careless = answers
    assert torch.equal(whole, careful)
    assert not torch.equal(whole, careless)
    assert torch.allclose(whole, careless, rtol=0.05, atol=0.05)


@pytest.mark.parametrize("setting", ["COMPILE_BLOCKS", "GROUP_OFFLOAD"])
def test_a_setting_in_the_way_is_named(tmp_path: Path, setting: str) -> None:
    options = LoadOptions(**{setting.lower(): True})
    caches = StepCaches.of(tmp_path, options, {})
    transformer = small()
    with (
        pytest.raises(SettingsError, match=setting),
        caches.applied(transformer, caching(StepCache.FIRST_BLOCK, 0.1)),
    ):
        pass
    assert not transformer.is_cache_enabled


def test_a_checkpoints_own_ratios_come_first(tmp_path: Path) -> None:
    snapshot = tmp_path / "models--org--model" / "snapshots" / "main"
    snapshot.mkdir(parents=True)
    published = {"org/model": (1.0, 0.9)}
    assert StepCaches.of(snapshot, LoadOptions(), published).mag_ratios == (1.0, 0.9)
    (snapshot / RATIOS_FILE).write_text("[1.0, 0.8, 0.7]")
    assert StepCaches.of(snapshot, LoadOptions(), published).mag_ratios == (1.0, 0.8, 0.7)
    (snapshot / RATIOS_FILE).write_text('{"1": "one"}')
    with pytest.raises(CheckpointError, match=RATIOS_FILE):
        StepCaches.of(snapshot, LoadOptions(), published)


def test_ratios_that_nobody_measured_are_not_made_up(tmp_path: Path) -> None:
    caches = StepCaches.of(tmp_path, LoadOptions(), {"another": (1.0,)})
    with (
        pytest.raises(CheckpointError, match="nobody has measured"),
        caches.applied(small(), caching(StepCache.MAG, 0.1)),
    ):
        pass
