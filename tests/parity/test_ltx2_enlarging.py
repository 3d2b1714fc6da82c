"""LTX-2's upsampler on a video that is there, against diffusers' own pipeline for it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import common.runtime.libraries  # noqa: F401

import numpy as np
import pytest
from diffusers import AutoencoderKLLTX2Video
from diffusers.pipelines.ltx2 import LTX2LatentUpsamplePipeline
from numpy.typing import NDArray
from PIL import Image

from common.base.errors import CheckpointError, JobCancelled
from common.contract import Phase
from common.kinds.video import ResolvedRequest, VideoVariant
from common.kinds.video.upscaler import ResolvedUpscaler, Upscaler
from common.runtime.sampling import generator_for
from ltx2.denoising import Ltx2
from ltx2.estimates import estimate_flops, estimate_memory
from ltx2.model_config import LTX_2_0, LTX_2_3, SPEC
from scripts.tiny import ltx2 as tiny
from tests.films import of_frames
from tests.formats import on_cpu
from tests.job_contexts import Context
from tests.parity.test_ltx2 import a_request
from tests.parity.test_ltx2_two_stages import DTYPE, Bare, files, snapshot

LATENT = ResolvedUpscaler(name=Upscaler.LATENT, size_bytes=5)
VARIANTS = (LTX_2_0, LTX_2_3)


@pytest.fixture(scope="module")
def models_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    tiny.build(folder, repositories=[each.checkpoint for each in VARIANTS])
    return folder


@pytest.fixture(scope="module")
def load(models_dir: Path) -> Callable[[VideoVariant], Ltx2]:
    loaded: dict[str, Ltx2] = {}

    def of(variant: VideoVariant) -> Ltx2:
        if variant.name not in loaded:
            options = on_cpu(models_dir=models_dir, extra=variant.extra)
            loaded[variant.name] = SPEC.load(snapshot(models_dir, variant), options)
            vae: Any = loaded[variant.name].text_to_video.vae
            vae.latents_mean.fill_(0.5)  # only what is normalised knows it, and nothing here is
        return loaded[variant.name]

    return of


def noise(frames: int, width: int, height: int) -> NDArray[np.uint8]:
    size = (frames, height, width, 3)
    return np.random.default_rng(1).integers(0, 256, size, dtype=np.uint8)


def asked(folder: Path, pixels: NDArray[np.uint8]) -> ResolvedRequest:
    frames, height, width, _ = pixels.shape
    return a_request(
        video=of_frames(folder / "a.mp4", pixels),
        num_frames=frames,
        width=width,
        height=height,
        strength=0,
        upscaling_scale=2,
        upscaler=LATENT,
    )


def ours(model: Ltx2, request: ResolvedRequest) -> NDArray[np.uint8]:
    clip = SPEC.generate(model, request, Context())
    assert (clip.width, clip.height) == (2 * request.width, 2 * request.height)
    assert (clip.num_frames, clip.fps) == (request.num_frames, request.fps)
    return np.concatenate(list(clip.frames))


def theirs(models_dir: Path, variant: VideoVariant, pixels: NDArray[np.uint8]) -> Any:
    """Frames, uint8, as diffusers makes them of pictures."""
    bare: Any = Bare.__new__(Bare)
    bare.files = files(models_dir, variant)
    vae = AutoencoderKLLTX2Video.from_pretrained(snapshot(models_dir, variant) / "vae", dtype=DTYPE)
    pipeline = LTX2LatentUpsamplePipeline(vae=vae, latent_upsampler=bare.upsampler())
    made = pipeline(
        video=[Image.fromarray(frame) for frame in pixels],
        width=pixels.shape[2],
        height=pixels.shape[1],
        generator=generator_for(7),
        output_type="pil",
        return_dict=False,
    )[0][0]
    return np.stack([np.asarray(frame) for frame in made])


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda each: each.name)
def test_frames_are_those_of_the_librarys_pipeline(
    models_dir: Path, load: Callable[..., Ltx2], tmp_path: Path, variant: VideoVariant
) -> None:
    pixels = noise(9, 96, 64)
    made = ours(load(variant), asked(tmp_path, pixels))
    assert np.array_equal(made, theirs(models_dir, variant, pixels))


def test_other_sizes_and_lengths_are_filled_up_and_cut_again(
    models_dir: Path, load: Callable[..., Ltx2], tmp_path: Path
) -> None:
    pixels = noise(11, 62, 46)
    made = ours(load(LTX_2_0), asked(tmp_path, pixels))
    filled = np.pad(pixels, ((0, 17 - 11), (0, 64 - 46), (0, 64 - 62), (0, 0)), "edge")
    assert np.array_equal(made, theirs(models_dir, LTX_2_0, filled)[:11, :92, :124])


def test_it_needs_the_upsampler_and_no_lora(
    models_dir: Path, load: Callable[..., Ltx2], tmp_path: Path
) -> None:
    model, request = load(LTX_2_0), asked(tmp_path, noise(9, 32, 32))
    upsampler, lora = files(models_dir, LTX_2_0)
    lora.rename(kept := lora.with_suffix(".kept"))
    assert len(ours(model, request)) == 9
    upsampler.rename(gone := upsampler.with_suffix(".kept"))
    with pytest.raises(CheckpointError, match="not in the models folder"):
        SPEC.generate(model, request, Context())
    kept.rename(lora)
    gone.rename(upsampler)


def test_a_cancel_ends_it(load: Callable[..., Ltx2], tmp_path: Path) -> None:
    with pytest.raises(JobCancelled):
        SPEC.generate(
            load(LTX_2_0), asked(tmp_path, noise(9, 32, 32)), Context((Phase.DECODING, 0))
        )


def test_memory_and_time_are_those_of_twice_the_sides(models_dir: Path) -> None:
    def job(**fields: Any) -> ResolvedRequest:
        size = {"width": 768, "height": 512, "num_frames": 121, "strength": 0.0}
        return a_request(**{**size, "upscaling_scale": 2, "upscaler": LATENT, **fields})

    def run_bytes(**fields: Any) -> int:
        return estimate_memory(snapshot(models_dir, LTX_2_0), job(**fields)).run_bytes

    larger = LATENT.model_copy(update={"size_bytes": 12})
    assert run_bytes(upscaler=larger) - run_bytes() == 7
    assert run_bytes() == run_bytes(width=740, num_frames=114) < run_bytes(num_frames=129)
    assert estimate_flops(job()) == estimate_flops(job(height=500))
    assert 1.9 < estimate_flops(job(width=1536)) / estimate_flops(job()) < 2.1
