"""A step cache of a request is the one that diffusers has: the same latents, bit for bit."""

from functools import partial
from pathlib import Path
from typing import Any

import common.runtime.libraries  # noqa: F401

import pytest
import torch
from diffusers import FirstBlockCacheConfig, MagCacheConfig, WanImageToVideoPipeline, WanPipeline
from PIL import Image

from common.base.errors import JobCancelled
from common.contract import ModelSpec, Phase
from common.contract.step_caches import StepCache
from common.kinds.video.resolved import ResolvedRequest
from common.kinds.video.step_cache import kept_tensors
from common.runtime.flow_unipc import FlowUniPCScheduler
from common.runtime.images import load_image
from scripts.tiny import wan21 as tiny_wan
from scripts.tiny import waver as tiny_waver
from tests.formats import on_cpu
from tests.job_contexts import Context
from tests.parity import clips
from tests.parity.bare import bare
from tests.parity.clips import SAMPLING_FIELDS, saved_picture
from wan21 import pipeline as wan
from wan21.image_to_video import WholePicturePipeline
from wan21.mag_ratios import MAG_RATIOS as WAN_RATIOS
from wan21.model_config import I2V_480P, T2V_14B
from wan21.model_config import SPEC as WAN
from waver import pipeline as waver
from waver.guidance import apg
from waver.mag_ratios import MAG_RATIOS as WAVER_RATIOS
from waver.model_config import SPEC as WAVER
from waver.variants import TI2V_5B

STEPS = 8
THRESHOLDS = {StepCache.FIRST_BLOCK: 0.3, StepCache.MAG: 0.1}
"""At which tiny random weights have steps to leave out."""
SIZE = (64, 64)
CACHES = pytest.mark.parametrize("cache", StepCache)


def request_of(spec: ModelSpec, cache: StepCache | None, **fields: Any) -> ResolvedRequest:
    options = fields.pop("options", {})
    if cache is not None:
        options = {**options, "step_cache": cache, "step_cache_threshold": THRESHOLDS[cache]}
    plain = {"num_frames": 5, "num_inference_steps": STEPS, "options": options}
    return clips.request_of(spec, SIZE, **{**plain, **fields})


def config_of(cache: StepCache, ratios: tuple[float, ...]) -> Any:
    if cache is StepCache.FIRST_BLOCK:
        return FirstBlockCacheConfig(THRESHOLDS[cache])
    return MagCacheConfig(
        threshold=THRESHOLDS[cache], num_inference_steps=STEPS, mag_ratios=list(ratios)
    )


class Counted:
    """How often the last block of a transformer was computed."""

    def __init__(self, pipeline: Any) -> None:
        self.passes = 0
        pipeline.transformer.blocks[-1].ffn.register_forward_hook(self._one)

    def _one(self, *_: Any) -> None:
        self.passes += 1


@pytest.fixture(scope="module")
def wans(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return tiny_wan.build(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_waver.build(tmp_path_factory.mktemp("models"))[0]


@pytest.fixture(scope="module")
def ti2v(snapshot: Path) -> Any:
    return waver.load(snapshot, on_cpu())


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved_picture(tmp_path_factory.mktemp("pictures"))


def waver_latents(pipeline: Any, request: ResolvedRequest, context: Any = None) -> torch.Tensor:
    return waver._denoise(pipeline, [request], context or Context())


def bare_latents(pipe: Any, request: ResolvedRequest, config: Any, shift: float) -> torch.Tensor:
    """What one call of the library makes, with the cache that the library calls so."""
    pipe.scheduler = FlowUniPCScheduler.from_config(pipe.scheduler.config, flow_shift=shift)
    pipe.transformer.enable_cache(config)
    fields = request.model_dump(include=SAMPLING_FIELDS)
    if request.image:
        fields["image"] = Image.fromarray(load_image(request.image, request.width, request.height))
    generator = torch.Generator("cpu").manual_seed(request.seed)
    latents: torch.Tensor = pipe(**fields, generator=generator, output_type="latent").frames
    return latents


@CACHES
@pytest.mark.parametrize("guidance_scale", [5.0, 1.0])
def test_text_to_video(wans: list[Path], cache: StepCache, guidance_scale: float) -> None:
    pipeline = wan.load(wans[0], on_cpu())
    counted = Counted(pipeline)
    request = request_of(WAN, cache, guidance_scale=guidance_scale)
    latents = wan._denoise(pipeline, request, Context())
    config = config_of(cache, WAN_RATIOS[T2V_14B.checkpoint])
    pipe = bare(WanPipeline, wans[0], float32=("vae",))
    assert torch.equal(latents, bare_latents(pipe, request, config, 5.0))
    passes = STEPS * (2 if guidance_scale > 1 else 1)
    assert 0 < counted.passes < passes, "else nothing was left out, and nothing shown"


@CACHES
def test_image_to_video(wans: list[Path], picture: Path, cache: StepCache) -> None:
    pipeline = wan.load(wans[2], on_cpu())
    request = request_of(WAN, cache, image=picture)
    latents = wan._denoise(pipeline, request, Context())
    config = config_of(cache, WAN_RATIOS[I2V_480P.checkpoint])
    pipe = bare(WholePicturePipeline, wans[2], float32=("vae", "image_encoder"))
    assert torch.equal(latents, bare_latents(pipe, request, config, 3.0))


@CACHES
@pytest.mark.parametrize("with_picture", [False, True], ids=["text", "picture"])
def test_where_every_token_has_a_time(
    ti2v: Any, snapshot: Path, picture: Path, cache: StepCache, with_picture: bool
) -> None:
    request = request_of(WAVER, cache, image=picture if with_picture else None)
    config = config_of(cache, WAVER_RATIOS[TI2V_5B.checkpoint])
    kind = WanImageToVideoPipeline if with_picture else WanPipeline
    bare_ones = bare_latents(bare(kind, snapshot, float32=("vae",)), request, config, 5.0)
    latents = waver_latents(ti2v, request)
    assert torch.equal(latents, bare_ones)
    assert not torch.equal(
        latents, waver_latents(ti2v, request_of(WAVER, None, image=request.image))
    )


def guided_by_hand(pipe: Any, request: ResolvedRequest, config: Any) -> torch.Tensor:
    """The sampling loop written out, with both passes, each with a memory of its own."""
    scheduler = FlowUniPCScheduler.from_config(pipe.scheduler.config, flow_shift=5.0)
    pipe.transformer.enable_cache(config)
    with torch.no_grad():
        embeds = pipe.encode_prompt(
            request.prompt, request.negative_prompt, max_sequence_length=512
        )
        scheduler.set_timesteps(request.num_inference_steps)
        shape = (1, 48, 2, SIZE[1] // 16, SIZE[0] // 16)
        latents = torch.randn(shape, generator=torch.Generator("cpu").manual_seed(request.seed))
        for t in scheduler.timesteps:
            timestep = torch.full((1, shape[2] * shape[3] * shape[4] // 4), float(t))
            passes = []
            for name, words in zip(("cond", "uncond"), embeds, strict=True):
                with pipe.transformer.cache_context(name):
                    given = latents.to(pipe.transformer.dtype)
                    passes.append(pipe.transformer(given, timestep, words, return_dict=False)[0])
            guided = apg(passes[0], passes[1], request.guidance_scale, 27.0)
            latents = scheduler.step(guided, t, latents, return_dict=False)[0]
    return latents


@CACHES
def test_projected_guidance_keeps_its_two_passes_apart(
    ti2v: Any, snapshot: Path, cache: StepCache
) -> None:
    request = request_of(WAVER, cache, guidance_scale=8.0, options={"guidance": "apg"})
    config = config_of(cache, WAVER_RATIOS[TI2V_5B.checkpoint])
    expected = guided_by_hand(bare(WanPipeline, snapshot, float32=("vae",)), request, config)
    assert torch.equal(waver_latents(ti2v, request), expected)


class Broken(Exception):
    """What goes wrong in the middle of a job."""


def failing(*_: Any) -> None:
    raise Broken


@CACHES
def test_nothing_of_a_job_reaches_the_next(ti2v: Any, cache: StepCache) -> None:
    """Neither after an end, nor after a cancel, nor after an error."""
    cached, plain = request_of(WAVER, cache), request_of(WAVER, None)
    before, first = waver_latents(ti2v, plain), waver_latents(ti2v, cached)
    assert torch.equal(waver_latents(ti2v, plain), before)
    with pytest.raises(JobCancelled):
        waver_latents(ti2v, cached, Context(stop_at=(Phase.DENOISING, 5)))
    assert torch.equal(waver_latents(ti2v, cached), first)
    hook = ti2v.transformer.proj_out.register_forward_hook(failing)
    with pytest.raises(Broken):
        waver_latents(ti2v, cached)
    hook.remove()
    assert torch.equal(waver_latents(ti2v, cached), first)
    assert torch.equal(waver_latents(ti2v, plain), before)
    assert not any(block._diffusers_hook.hooks for block in ti2v.transformer.blocks)


@CACHES
def test_what_is_kept_is_what_is_counted(ti2v: Any, cache: StepCache) -> None:
    """Tensors [tokens, width] that live from one step to the next."""
    kept: list[int] = []

    def look(transformer: Any, *_: Any) -> None:
        hooks = transformer.blocks[0]._diffusers_hook.hooks.values()
        states = [s for hook in hooks for s in hook.state_manager._state_cache.values()]
        flat = [each for state in states for each in _flat(vars(state).values())]
        kept.append(len({id(each) for each in flat if torch.is_tensor(each) and each.ndim == 3}))

    request = request_of(WAVER, cache)
    hook = ti2v.transformer.register_forward_hook(look)
    waver_latents(ti2v, request)
    hook.remove()
    assert max(kept) == kept_tensors(request)


def _flat(values: Any) -> list[Any]:
    return [each for value in values for each in (value if isinstance(value, tuple) else (value,))]


def test_without_guidance_half_is_kept() -> None:
    guided, alone = (
        partial(request_of, WAVER, StepCache.MAG)(guidance_scale=scale) for scale in (5.0, 1.0)
    )
    assert kept_tensors(guided) == 2 * kept_tensors(alone) > 0
    assert kept_tensors(request_of(WAVER, None)) == 0
