"""LTX-2 in two stages, against diffusers' own pipelines one after the other."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import common.runtime.libraries  # noqa: F401

import numpy as np
import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler, LTX2ConditionPipeline, LTX2Pipeline
from diffusers.loaders.lora_conversion_utils import _convert_non_diffusers_ltx2_lora_to_diffusers
from diffusers.pipelines.ltx2 import LTX2LatentUpsamplePipeline
from diffusers.pipelines.ltx2.latent_upsampler import LTX2LatentUpsamplerModel
from diffusers.pipelines.ltx2.utils import DISTILLED_SIGMA_VALUES, STAGE_2_DISTILLED_SIGMA_VALUES
from PIL import Image
from safetensors.torch import load_file, save_file
from torch.nn.functional import linear

from common.base.errors import CheckpointError, JobCancelled
from common.contract import Quantization, Variant
from common.contract.hub import extra_files
from common.kinds.video import VIDEO_KIND, ResolvedRequest
from common.kinds.video.loras import ResolvedLora
from common.kinds.video.second_stage import SecondStage
from common.runtime.devices import as_torch
from common.runtime.sampling import generator_for
from ltx2.decoding import Latents
from ltx2.denoising import Ltx2, conditions
from ltx2.estimates import estimate_memory, stages_of
from ltx2.fidelity import gate_by_noise_level
from ltx2.model_config import DISTILLED, DISTILLED_2_3, LTX_2_0, LTX_2_3, SPEC
from ltx2.two_stages import denoise_twice
from scripts.tiny import ltx2 as tiny
from tests.formats import COMPUTE_DTYPE, on_cpu
from tests.parity.test_ltx2 import NEUTRAL, STG, Recorder, a_request, bare_pipeline
from tests.parity.test_ltx2_keyframes import theirs

DTYPE = as_torch(COMPUTE_DTYPE)
HIGH = {"width": 1536, "height": 1024, "num_frames": 121}


@pytest.fixture(scope="module")
def models_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    tiny.build(folder)
    return folder


@pytest.fixture(scope="module")
def load(models_dir: Path) -> Callable[..., Ltx2]:
    loaded: dict[tuple[str, Quantization], Ltx2] = {}

    def of(variant: Variant, scheme: Quantization = Quantization.NONE) -> Ltx2:
        if (variant.name, scheme) not in loaded:
            options = on_cpu(models_dir=models_dir, extra=variant.extra, quantization=scheme)
            loaded[variant.name, scheme] = SPEC.load(snapshot(models_dir, variant), options)
        return loaded[variant.name, scheme]

    return of


def snapshot(models_dir: Path, variant: Variant) -> Path:
    folder = models_dir / f"models--{variant.checkpoint.replace('/', '--')}"
    return folder / "snapshots" / (folder / "refs" / "main").read_text()


def files(models_dir: Path, variant: Variant) -> list[Path]:
    assert variant.extra
    found = extra_files(models_dir, variant.extra)
    assert found
    return [path for path in found.paths if path.suffix == ".safetensors"]


def two_stages(**fields: Any) -> ResolvedRequest:
    second = SecondStage(num_inference_steps=3, size_bytes=1, revision="main")
    size = {"width": 128, "height": 128, "num_frames": 9}
    return a_request(**{**size, "second_stage": second, **fields})


class Bare:
    """What diffusers' page on LTX-2 does, with our conditions and the authors' shift."""

    def __init__(self, models_dir: Path, variant: Variant, cls: type = LTX2Pipeline) -> None:
        plain = bare_pipeline(snapshot(models_dir, variant))
        if cls is LTX2ConditionPipeline:
            gate_by_noise_level(plain.transformer)
        self.pipeline: Any = cls(**plain.components)
        self.pipeline.set_progress_bar_config(disable=True)
        self.files = files(models_dir, variant)
        self.more = {} if cls is LTX2Pipeline else {"use_cross_timestep": False}

    def made(
        self,
        request: ResolvedRequest,
        first: dict[str, Any],
        shown: tuple[dict[str, Any], dict[str, Any]] = ({}, {}),
    ) -> tuple[Any, Any, Any]:
        """Latents of the picture, and of the sound after either stage, denormalised."""
        noise, (half, whole) = generator_for(request.seed), stages_of(request)
        video, audio = self.call(half, noise, **first, **shown[0])
        vae = self.pipeline.vae
        twice = LTX2LatentUpsamplePipeline(vae=vae, latent_upsampler=self.upsampler())
        larger = twice(latents=video, output_type="latent", return_dict=False)[0].float()
        self.distil()
        refined = self.call(
            whole,
            noise,
            **{**NEUTRAL, **shown[1]},
            num_inference_steps=3,
            latents=larger,
            audio_latents=audio,
            noise_scale=STAGE_2_DISTILLED_SIGMA_VALUES[0],
            sigmas=STAGE_2_DISTILLED_SIGMA_VALUES,
        )
        return refined[0], audio, refined[1]

    def call(self, request: ResolvedRequest, noise: torch.Generator, **more: Any) -> Any:
        return self.pipeline(
            prompt=request.prompt,
            negative_prompt=request.negative_prompt,
            width=request.width,
            height=request.height,
            num_frames=request.num_frames,
            frame_rate=request.fps,
            generator=noise,
            output_type="latent",
            return_dict=False,
            **{**self.more, **more},
        )

    def upsampler(self) -> Any:
        folder = self.files[0].parent
        if folder.name == "latent_upsampler":
            return LTX2LatentUpsamplerModel.from_pretrained(folder, dtype=DTYPE)
        model = LTX2LatentUpsamplerModel(
            mid_channels=32, num_blocks_per_stage=1, use_rational_resampler=False
        )
        model.load_state_dict(load_file(self.files[0]))
        return model.to(DTYPE)

    def distil(self) -> None:
        """The LoRA by diffusers' own names, and a scheduler that takes noise levels as they are."""
        for path in self.files[1:]:
            pairs = _convert_non_diffusers_ltx2_lora_to_diffusers(load_file(path))
            for name in {key.partition(".lora_")[0] for key in pairs}:
                up, down = (pairs[f"{name}.lora_{part}.weight"].to(DTYPE) for part in "BA")
                layer = self.pipeline.transformer.get_submodule(name.removeprefix("transformer."))
                layer.register_forward_hook(partial(add, down, up))
        config = self.pipeline.scheduler.config
        self.pipeline.scheduler = FlowMatchEulerDiscreteScheduler.from_config(
            config, use_dynamic_shifting=False, shift_terminal=None
        )


def add(down: torch.Tensor, up: torch.Tensor, _layer: Any, given: Any, output: Any) -> Any:
    return output + linear(linear(given[0], down), up)


def ours(model: Ltx2, request: ResolvedRequest) -> Latents:
    return denoise_twice(model, request, Recorder())


@pytest.mark.parametrize("variant", [LTX_2_0, LTX_2_3], ids=lambda each: each.name)
def test_a_full_checkpoint_is_refined_with_its_lora(
    models_dir: Path, load: Callable[..., Ltx2], variant: Variant
) -> None:
    request = two_stages()
    picture, first_sound, second_sound = Bare(models_dir, variant).made(
        request, {**STG, "num_inference_steps": 3}
    )
    made = ours(load(variant), request)
    assert torch.equal(made.plain, picture)
    assert torch.equal(made.audio, first_sound)
    assert not torch.allclose(second_sound, first_sound, atol=1e-3)


def test_a_distilled_one_needs_none_and_its_sound_is_refined_too(
    models_dir: Path, load: Callable[..., Ltx2]
) -> None:
    variant = DISTILLED_2_3
    request = two_stages(num_inference_steps=8, guidance_scale=1.0)
    first = {**NEUTRAL, "sigmas": DISTILLED_SIGMA_VALUES, "num_inference_steps": 8}
    picture, _, second_sound = Bare(models_dir, variant).made(request, first)
    made = ours(load(variant), request)
    assert torch.equal(made.plain, picture)
    assert torch.equal(made.audio, second_sound)


def test_pictures_are_shown_to_both_stages(
    models_dir: Path, load: Callable[..., Ltx2], tmp_path: Path
) -> None:
    paths = noise_pictures(tmp_path, 2)
    request = two_stages(
        image=paths[0], last_image=paths[1], num_inference_steps=8, guidance_scale=1.0
    )
    model, first = load(DISTILLED), {"sigmas": DISTILLED_SIGMA_VALUES, "num_inference_steps": 8}
    shown = tuple({"conditions": theirs(model, each, 0, 1 + 7 / 8)} for each in stages_of(request))
    bare = Bare(models_dir, DISTILLED, LTX2ConditionPipeline)
    picture, _, sound = bare.made(request, {**NEUTRAL, **first}, (shown[0], shown[1]))
    made = ours(model, request)
    assert torch.equal(made.plain, picture)
    assert torch.equal(made.audio, sound)


def noise_pictures(folder: Path, count: int) -> list[Path]:
    noise, paths = np.random.default_rng(1), [folder / f"{index}.png" for index in range(count)]
    for path in paths:
        pixels = noise.integers(0, 256, (6, 9, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize((300, 200)).save(path)
    return paths


def test_a_picture_is_encoded_anew_in_the_second_size(
    load: Callable[..., Ltx2], tmp_path: Path
) -> None:
    """Not enlarged with the rest: its tokens are those of the picture in full size."""
    model = load(LTX_2_0)
    request = two_stages(image=noise_pictures(tmp_path, 1)[0], guidance_scale=1.0)
    made = ours(model, request)
    picture = conditions(model, request)["image"].to(DTYPE)[:, :, None] * 2 - 1
    vae: Any = model.text_to_video.vae
    with torch.no_grad():
        latent = vae.encode(picture).latent_dist.mode()
    assert torch.allclose(made.plain[:, :, :1], latent.float(), atol=2e-2, rtol=1e-2)


def test_steps_go_on_counting_and_a_cancel_in_either_stage_leaves_nothing(
    load: Callable[..., Ltx2],
) -> None:
    model, request, context = load(LTX_2_0), two_stages(), Recorder()
    before = SPEC.generate(model, a_request(), Recorder())
    clip = SPEC.generate(model, request, context)
    assert (clip.width, clip.height) == (128, 128)
    assert next(iter(clip.frames)).shape == (9, 128, 128, 3)
    denoising = [told[1:] for told in context.told if told[0] == "denoising"]
    assert denoising == [(step + 1, 6) for step in range(6)]
    for step in (2, 5):
        leaving = Recorder(cancel_at=step)
        with pytest.raises(JobCancelled):
            SPEC.generate(model, request, leaving)
        assert leaving.steps() == step
    transformer = model.text_to_video.transformer
    assert not any(each._forward_hooks for each in transformer.modules())
    after = SPEC.generate(model, a_request(), Recorder())
    assert np.array_equal(next(iter(before.frames)), next(iter(after.frames)))


def test_it_goes_with_quantized_weights_and_loras(
    models_dir: Path, load: Callable[..., Ltx2]
) -> None:
    model = load(LTX_2_3, Quantization.FP8)
    (models_dir / "loras").mkdir()
    layer = "diffusion_model.transformer_blocks.0.attn1.to_q"
    pair = {
        f"{layer}.lora_A.weight": torch.ones(2, 16),
        f"{layer}.lora_B.weight": torch.ones(16, 2),
    }
    save_file(pair, models_dir / "loras" / "it.safetensors")
    lora = ResolvedLora(name="it", strength=1, size_bytes=1)
    plain, styled = (
        np.concatenate(list(SPEC.generate(model, two_stages(loras=each), Recorder()).frames))
        for each in ((), (lora,))
    )
    assert plain.shape == styled.shape == (9, 128, 128, 3)
    assert not np.array_equal(plain, styled)


def test_what_is_missing_or_damaged_is_told_before_the_first_step(
    models_dir: Path, load: Callable[..., Ltx2]
) -> None:
    upsampler, lora = files(models_dir, LTX_2_0)
    for path, bad in ((upsampler, None), (lora, None), (lora, b"no weights")):
        kept, context = path.read_bytes(), Recorder()
        path.unlink()
        if bad is not None:
            path.write_bytes(bad)
        with pytest.raises(CheckpointError):
            SPEC.generate(load(LTX_2_0), two_stages(), context)
        assert context.steps() == 0
        path.write_bytes(kept)


def test_memory_counts_what_the_second_stage_reads(models_dir: Path) -> None:
    def job(size_bytes: int | None) -> ResolvedRequest:
        stage = SecondStage(num_inference_steps=3, size_bytes=size_bytes or 0, revision="main")
        return a_request(second_stage=None if size_bytes is None else stage, **HIGH)

    def run_bytes(size_bytes: int | None) -> int:
        return estimate_memory(snapshot(models_dir, LTX_2_0), job(size_bytes)).run_bytes

    large = 20 * 10**9
    assert run_bytes(large + 5) - run_bytes(large) == 5
    assert run_bytes(0) <= run_bytes(None)
    assert len({VIDEO_KIND.shape(job(size)) for size in (None, 1, 2)}) == 3
    for words, smaller in next(VIDEO_KIND.smaller(LTX_2_0, job(1))):
        assert smaller.width % 64 == smaller.height % 64 == 0, words
