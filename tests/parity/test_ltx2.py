"""Our LTX-2 against diffusers' own call on the same tiny checkpoint: the same bits, or a fault.

What diffusers is told here, the authors do: ``test_official_ltx2.py``, and a video from a picture.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import common.runtime.libraries  # noqa: F401

import numpy as np
import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler, LTX2Pipeline, LTX2VideoTransformer3DModel
from diffusers.models.transformers.transformer_ltx2 import LTX2PerturbedAttnProcessor
from diffusers.pipelines.ltx2 import LTX2VocoderWithBWE
from diffusers.pipelines.ltx2.utils import DISTILLED_SIGMA_VALUES
from PIL import Image
from torch import nn

from common.base.errors import CheckpointError, JobCancelled, Unresolvable
from common.contract import Phase
from common.contract.compute_dtype import ComputeDtype
from common.kinds.video import ResolvedRequest, VideoClip
from common.runtime.devices import as_torch
from common.runtime.sampling import generator_for
from ltx2.decoding import decode_video
from ltx2.denoising import Ltx2
from ltx2.estimates import COMPONENTS, OVERHEAD_BYTES, whole_decoding_bytes
from ltx2.guidance import Guidance
from ltx2.model_config import SPEC
from scripts.tiny import ltx2 as tiny
from tests.formats import COMPUTE_DTYPE, on_cpu
from tests.parity.bare import bare as bare_by_library

STEPS = 3
NEUTRAL = {
    "guidance_scale": 1.0,
    "stg_scale": 0.0,
    "modality_scale": 1.0,
    "guidance_rescale": 0.0,
    "audio_guidance_scale": 1.0,
    "audio_stg_scale": 0.0,
    "audio_modality_scale": 1.0,
    "audio_guidance_rescale": 0.0,
}
STG = {"spatio_temporal_guidance_blocks": [1]}
"""The published blocks are 29 and 28; the tiny checkpoints have two."""
DISTILLED = ("rootonchair/LTX-2-19b-distilled", "diffusers/LTX-2.3-Distilled-Diffusers")


class Recorder:
    """A job's context that keeps what it is told, and cancels after ``cancel_at`` steps."""

    def __init__(self, cancel_at: int | None = None) -> None:
        self.told: list[tuple[Phase, int, int]] = []
        self.cancel_at = cancel_at

    def progress(self, phase: Phase, step: int = 0, steps: int = 0) -> None:
        self.told.append((phase, step, steps))

    def preview(self, step: int, picture: Callable[[], object]) -> None:
        picture()  # it must not change the video

    def raise_if_cancelled(self) -> None:
        if self.cancel_at is not None and self.steps() >= self.cancel_at:
            raise JobCancelled

    def steps(self) -> int:
        return sum(phase is Phase.DENOISING for phase, _, _ in self.told)


@pytest.fixture(scope="module")
def snapshots(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folders = tiny.build(tmp_path_factory.mktemp("models"))
    return dict(zip(tiny.RECIPES, folders, strict=True))


@pytest.fixture(scope="module")
def models(snapshots: dict[str, Path]) -> dict[str, Ltx2]:
    return {name: SPEC.load(folder, on_cpu()) for name, folder in snapshots.items()}


@pytest.fixture(scope="module")
def bares(snapshots: dict[str, Path]) -> dict[str, LTX2Pipeline]:
    return {name: bare_pipeline(folder) for name, folder in snapshots.items()}


@pytest.fixture
def model(models: dict[str, Ltx2]) -> Ltx2:
    return models["Lightricks/LTX-2"]


@pytest.fixture
def bare(bares: dict[str, LTX2Pipeline]) -> LTX2Pipeline:
    return bares["Lightricks/LTX-2"]


def bare_pipeline(folder: Path) -> LTX2Pipeline:
    """diffusers' own, with the authors' shift, their STG, and their vocoder's number format."""
    transformer = LTX2VideoTransformer3DModel.from_pretrained(
        folder / "transformer", dtype=as_torch(COMPUTE_DTYPE), perturbed_attn=True
    )
    pipeline = bare_by_library(LTX2Pipeline, folder, transformer=transformer, processor=None)
    pipeline.scheduler = FlowMatchEulerDiscreteScheduler.from_config(
        pipeline.scheduler.config, base_shift=2.05, max_shift=2.05
    )
    if isinstance(pipeline.vocoder, LTX2VocoderWithBWE):
        pipeline.vocoder = LTX2VocoderWithBWE.from_pretrained(folder / "vocoder")
        pipeline.vocoder.register_forward_pre_hook(lambda _, args: (args[0].float(),))
    return pipeline


def a_request(**fields: Any) -> ResolvedRequest:
    values: dict[str, Any] = {
        "prompt": "A cat on a beach",
        "negative_prompt": "blurry",
        "width": 96,
        "height": 64,
        "num_frames": 17,
        "fps": 24.0,
        "seed": 7,
        "num_inference_steps": STEPS,
        "guidance_scale": 3.0,
        "generate_audio": True,
    }
    return ResolvedRequest(**{**values, **fields})


def bare_call(pipeline: Any, request: ResolvedRequest, **arguments: Any) -> tuple[Any, Any]:
    """Frames, uint8 [T, height, width, 3], and samples, float32 [samples, channels]."""
    frames, audio = pipeline(
        prompt=request.prompt,
        negative_prompt=request.negative_prompt,
        width=request.width,
        height=request.height,
        num_frames=request.num_frames,
        frame_rate=request.fps,
        generator=generator_for(request.seed),
        return_dict=False,
        **{"num_inference_steps": request.num_inference_steps, **arguments},
    )
    return np.stack([np.asarray(frame) for frame in frames[0]]), audio[0].float().numpy().T


def our_call(model: Ltx2, request: ResolvedRequest) -> tuple[VideoClip, Any]:
    clip = SPEC.generate(model, request, Recorder())
    return clip, np.concatenate(list(clip.frames))


def assert_same(model: Ltx2, request: ResolvedRequest, expected: tuple[Any, Any]) -> None:
    clip, frames = our_call(model, request)
    assert clip.audio is not None
    assert frames.dtype == np.uint8
    assert frames.shape == (request.num_frames, request.height, request.width, 3)
    assert frames.std() > 1  # not a blank video, which would equal any other
    assert np.array_equal(frames, expected[0])
    assert clip.audio.samples.dtype == np.float32
    assert np.array_equal(clip.audio.samples, expected[1])


def count_passes(model: Ltx2, request: ResolvedRequest) -> tuple[int, int]:
    """Calls of the transformer, and videos that went through it."""
    batches: list[int] = []

    def hook(_module: Any, _args: Any, kwargs: dict[str, Any], _output: Any) -> None:
        batches.append(kwargs["hidden_states"].shape[0])

    handle = model.text_to_video.transformer.register_forward_hook(hook, with_kwargs=True)
    try:
        SPEC.generate(model, request, Recorder())
    finally:
        handle.remove()
    return len(batches), sum(batches)


def test_text_to_video_with_guidance(model: Ltx2, bare: LTX2Pipeline):
    request = a_request()
    assert_same(model, request, bare_call(bare, request, **STG))


def test_guidance_off_is_the_bare_call_with_neutral_scales(model: Ltx2, bare: LTX2Pipeline):
    request = a_request(guidance_scale=1.0)
    assert Guidance().arguments() == NEUTRAL
    assert_same(model, request, bare_call(bare, request, **NEUTRAL))


def test_ltx_2_3_gets_the_defaults_of_diffusers(
    models: dict[str, Ltx2], bares: dict[str, LTX2Pipeline]
):
    name, request = "diffusers/LTX-2.3-Diffusers", a_request()
    assert_same(models[name], request, bare_call(bares[name], request, **STG))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["Lightricks/LTX-2", "diffusers/LTX-2.3-Diffusers"])
def test_stg_can_be_turned_off(name: str, models: dict[str, Ltx2], bares: dict[str, LTX2Pipeline]):
    off = {"stg_scale": 0.0, "audio_stg_scale": 0.0}
    request = a_request(options=off)
    assert_same(models[name], request, bare_call(bares[name], request, **off))
    assert not np.array_equal(
        our_call(models[name], request)[1], our_call(models[name], a_request())[1]
    )


def test_image_to_video(model: Ltx2, tmp_path: Path):
    path = tmp_path / "start.png"
    noise = np.random.default_rng(1).integers(0, 256, (90, 160, 3), dtype=np.uint8)
    Image.fromarray(noise).resize((320, 180)).save(path)
    clip, frames = our_call(model, a_request(image=path))
    assert clip.audio is not None
    assert frames.shape == (17, 64, 96, 3)
    assert np.array_equal(frames, our_call(model, a_request(image=path))[1])
    assert not np.array_equal(frames, our_call(model, a_request())[1])


def test_both_pipelines_share_one_set_of_weights(model: Ltx2):
    theirs = model.image_to_video.components
    assert all(theirs[name] is part for name, part in model.text_to_video.components.items())


@pytest.mark.parametrize("name", DISTILLED)
def test_distilled_uses_the_published_sigmas(
    name: str, models: dict[str, Ltx2], bares: dict[str, LTX2Pipeline]
):
    request = a_request(num_inference_steps=8, guidance_scale=1.0)
    sigmas = {"sigmas": DISTILLED_SIGMA_VALUES, "num_inference_steps": 8}
    expected = bare_call(bares[name], request, **NEUTRAL, **sigmas)
    assert_same(models[name], request, expected)
    assert count_passes(models[name], request) == (8, 8)


def test_distilled_refuses_another_number_of_steps(models: dict[str, Ltx2]):
    request = a_request(num_inference_steps=4, guidance_scale=1.0)
    with pytest.raises(Unresolvable, match="8 steps exactly"):
        SPEC.generate(models[DISTILLED[0]], request, Recorder())


@pytest.mark.parametrize(
    ("name", "guidance_scale", "options", "calls", "videos"),
    [
        ("Lightricks/LTX-2", 1.0, {}, 1, 1),
        ("Lightricks/LTX-2", 3.0, {}, 3, 4),
        ("Lightricks/LTX-2", 3.0, {"modality_scale": 1, "audio_modality_scale": 1}, 2, 3),
        ("Lightricks/LTX-2", 3.0, {"stg_scale": 0, "audio_stg_scale": 0}, 2, 3),
        ("diffusers/LTX-2.3-Diffusers", 1.0, {}, 1, 1),
        ("diffusers/LTX-2.3-Diffusers", 3.0, {}, 3, 4),
    ],
)
def test_passes_of_the_transformer_a_step(
    models: dict[str, Ltx2],
    name: str,
    guidance_scale: float,
    options: dict[str, float],
    calls: int,
    videos: int,
):
    request = a_request(guidance_scale=guidance_scale, options=options)
    assert count_passes(models[name], request) == (STEPS * calls, STEPS * videos)


def test_an_audio_scale_of_zero_is_zero(models: dict[str, Ltx2]):
    """diffusers reads 0 as absent; the smallest float must then be exactly 0 in effect."""
    ltx_2_3 = models["diffusers/LTX-2.3-Diffusers"]
    name = "audio_guidance_rescale"
    audio = [
        SPEC.generate(ltx_2_3, a_request(options=options), Recorder()).audio
        for options in ({name: 0}, {name: 1e-30}, {})
    ]
    zero, next_to_zero, default = [track.samples for track in audio if track]
    assert np.array_equal(zero, next_to_zero)
    assert not np.array_equal(zero, default)


def test_sound_lasts_as_long_as_the_picture(
    models: dict[str, Ltx2],
):
    """Nearly: 5.01 seconds for 121 frames, which the encoder pads with silence."""
    request = a_request(width=64, height=64, num_frames=121, guidance_scale=1.0)
    for name, rate in (("Lightricks/LTX-2", 24_000), ("diffusers/LTX-2.3-Diffusers", 48_000)):
        track = SPEC.generate(models[name], request, Recorder()).audio
        assert track is not None
        assert track.sample_rate == rate
        assert track.samples.shape == (round(5.01 * rate), 2)
        assert np.abs(track.samples).max() <= 1


def test_without_sound_the_picture_is_the_same(model: Ltx2):
    silent, frames = our_call(model, a_request(generate_audio=False))
    assert silent.audio is None
    assert np.array_equal(frames, our_call(model, a_request())[1])


def test_large_videos_are_decoded_in_tiles(model: Ltx2, bare: LTX2Pipeline):
    latents = torch.randn(1, 128, 2, 4, 18, generator=generator_for(1)).to(bare.vae.dtype)
    tiled = np.concatenate(list(decode_video(model.text_to_video, latents, Recorder(), 0)))
    whole = np.concatenate(list(decode_video(model.text_to_video, latents, Recorder())))
    bare.vae.enable_tiling()
    with torch.no_grad():
        video = bare.vae.decode(latents, None, return_dict=False)[0]
    bare.vae.disable_tiling()
    expected = bare.video_processor.postprocess_video(video, output_type="np")[0] * 255
    assert np.array_equal(tiled, expected.round().astype(np.uint8))
    assert not np.array_equal(tiled, whole)


def test_no_tile_is_a_single_latent_wide(model: Ltx2):
    """Which LTX-2.0's decoder cannot pad: 928 pixels are two strides and one latent."""
    latents = torch.randn(1, 128, 2, 2, 29, generator=generator_for(1)).to(as_torch(COMPUTE_DTYPE))
    tiled = np.concatenate(list(decode_video(model.text_to_video, latents, Recorder(), 0)))
    assert tiled.shape == (9, 64, 928, 3)


def test_a_wide_format_needs_twice_the_room(bare: LTX2Pipeline, caplog: pytest.LogCaptureFixture):
    """Tiles are blended: who has the room for the whole must get the whole."""
    vae: Any = bare.vae
    needed = whole_decoding_bytes(vae.config, 576, 128, 9, vae.dtype.itemsize)
    latents = torch.randn(1, 128, 2, 4, 18, generator=generator_for(1)).to(vae.dtype)
    for available, tiles in ((needed, False), (needed - 1, True)):
        caplog.clear()
        next(decode_video(bare, latents, Recorder(), available))
        assert ("tiles" in caplog.text) is tiles


def test_cancelling_leaves_in_that_step(model: Ltx2):
    context = Recorder(cancel_at=2)
    with pytest.raises(JobCancelled):
        SPEC.generate(model, a_request(), context)
    assert context.steps() == 2


def test_progress_names_every_phase_and_step(model: Ltx2):
    context = Recorder()
    list(SPEC.generate(model, a_request(), context).frames)
    assert context.told[0] == (Phase.ENCODING_PROMPT, 0, 0)
    denoising = [told for told in context.told if told[0] is Phase.DENOISING]
    assert denoising == [(Phase.DENOISING, step + 1, STEPS) for step in range(STEPS)]
    # 17 frames are two chunks; the first entry is the sound.
    decoding = [told[1:] for told in context.told if told[0] is Phase.DECODING]
    assert decoding == [(0, 0), (1, 2), (2, 2)]


def test_traits_come_from_the_checkpoint(models: dict[str, Ltx2]):
    traits = {name: model.traits for name, model in models.items()}
    assert [t.distilled for t in traits.values()] == [False, False, True, True]
    assert [t.stg_blocks for t in traits.values()] == [(1,)] * 4


def test_every_part_is_in_the_authors_number_format(models: dict[str, Ltx2]):
    """Vocoder of 2.3 in float32, everything else as the rest of the models here."""
    formats = {name: model.text_to_video.vocoder.dtype for name, model in models.items()}
    compute = as_torch(COMPUTE_DTYPE)
    assert list(formats.values()) == [compute, torch.float32] * 2
    for model in models.values():
        assert model.text_to_video.audio_vae.dtype == compute
        assert model.text_to_video.transformer.dtype == compute


def test_an_unequal_job_leaves_the_attentions_as_they_were(model: Ltx2):
    our_call(model, a_request(options={"stg_scale": 0}))
    with pytest.raises(JobCancelled):
        SPEC.generate(model, a_request(options={"audio_stg_scale": 0}), Recorder(cancel_at=1))
    processors = model.text_to_video.transformer.attn_processors.values()
    assert {type(processor) for processor in processors} == {LTX2PerturbedAttnProcessor}


def test_weights_take_the_bytes_that_are_foretold(
    snapshots: dict[str, Path], models: dict[str, Ltx2]
):
    for name, model in models.items():
        parts = [p for p in model.text_to_video.components.values() if isinstance(p, nn.Module)]
        loaded = sum(t.nbytes for part in parts for t in part.state_dict().values())
        foretold = SPEC.memory(snapshots[name], a_request(), COMPUTE_DTYPE).load_bytes
        assert foretold == pytest.approx(loaded, rel=0.02)


def test_memory_counts_weights_and_grows_with_the_video(snapshots: dict[str, Path]):
    folder = snapshots["Lightricks/LTX-2"]
    stored = [path for part in COMPONENTS for path in (folder / part).glob("*.safetensors")]
    files = sum(path.stat().st_size for path in stored)
    narrow = ComputeDtype.BFLOAT16
    small = SPEC.memory(folder, a_request(), narrow)
    wide = SPEC.memory(folder, a_request(), ComputeDtype.FLOAT32)
    large = SPEC.memory(folder, a_request(width=1920, height=1088, num_frames=121), narrow)
    assert wide.load_bytes == 2 * small.load_bytes
    assert wide.run_bytes == pytest.approx(2 * small.run_bytes - OVERHEAD_BYTES, rel=1e-6)
    assert small.load_bytes == pytest.approx(files, rel=0.05)
    assert large.load_bytes == small.load_bytes
    assert large.run_bytes > small.run_bytes


def test_a_damaged_checkpoint_is_named(snapshots: dict[str, Path], tmp_path: Path):
    with pytest.raises(CheckpointError):
        SPEC.load(tmp_path, on_cpu())
    with pytest.raises(CheckpointError):
        SPEC.memory(tmp_path, a_request(), ComputeDtype.BFLOAT16)
