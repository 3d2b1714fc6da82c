"""Wan2.1 in four steps: a LoRA in the published layout is fused, the published recipe followed."""

from pathlib import Path
from typing import Any

import common.runtime.libraries  # noqa: F401

import numpy as np
import pytest
import torch
from diffusers import WanImageToVideoPipeline, WanPipeline
from PIL import Image
from safetensors.torch import load_file, save_file

from common.base.errors import CheckpointError, Unresolvable
from common.base.settings import SettingsError
from common.contract import LoadReport, Quantization, Variant
from common.contract.hub import choose_variant, locate
from common.kinds.video.frame_size import Picture
from common.kinds.video.requests import GenerateRequest
from common.kinds.video.resolved import ResolvedRequest
from common.runtime.devices import as_torch
from common.runtime.lora import Lora
from ltx2.model_config import DISTILLED as LTX2_DISTILLED
from scripts.tiny import wan21 as tiny
from scripts.tiny.wan21_lora import original_name, save_lora
from tests.formats import COMPUTE_DTYPE, on_cpu
from tests.job_contexts import Context
from tests.resolving import resolve
from wan21.distilled import DistilledScheduler
from wan21.lora import open_lora
from wan21.model_config import I2V_480P_4STEP, SPEC, T2V_14B, T2V_14B_4STEP
from wan21.recipes import REPOSITORY


@pytest.fixture(scope="module")
def models_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny checkpoints, and beside them the LoRAs as ``hf download`` leaves them."""
    root = tmp_path_factory.mktemp("models")
    folders = tiny.build(root)
    snapshot = root / f"models--{REPOSITORY.replace('/', '--')}" / "snapshots" / "abc123"
    for variant, folder, cls in (
        (T2V_14B_4STEP, folders[0], WanPipeline),
        (I2V_480P_4STEP, folders[2], WanImageToVideoPipeline),
    ):
        assert variant.adapter is not None
        save_lora(snapshot / variant.adapter.file, transformer_of(folder, cls))
    reference = snapshot.parents[1] / "refs" / "main"
    reference.parent.mkdir()
    reference.write_text("abc123")
    return root


def transformer_of(folder: Path, cls: Any = WanPipeline) -> Any:
    return cls.from_pretrained(folder, dtype=as_torch(COMPUTE_DTYPE)).transformer


def load(models_dir: Path, variant: Variant) -> Any:
    found = locate(models_dir, variant)
    return SPEC.load(found.path, on_cpu(adapter=found.adapter))


@pytest.fixture(scope="module")
def t2v(models_dir: Path) -> Any:
    return load(models_dir, T2V_14B_4STEP)


def resolved(variant: Variant, **fields: object) -> ResolvedRequest:
    request = GenerateRequest.model_validate({"prompt": "a cat", "seed": 1, **fields})
    picture = Picture("cat.png", 1664, 960) if variant is I2V_480P_4STEP else None
    return resolve(request, SPEC, variant, picture).request


# The LoRA


def test_fused_weights_are_base_plus_b_times_a(models_dir: Path, t2v: Any):
    found = locate(models_dir, T2V_14B_4STEP)
    assert found.adapter is not None
    lora, base = load_file(found.adapter), transformer_of(found.path).state_dict()
    seen = set()
    for name, fused in t2v.transformer.named_parameters():
        key, _, leaf = f"diffusion_model.{original_name(name)}".rpartition(".")
        if f"{key}.lora_up.weight" in lora and leaf == "weight":
            pair = [f"{key}.lora_up.weight", f"{key}.lora_down.weight"]
            change = lora[pair[0]].float() @ lora[pair[1]].float()
        else:
            pair = [key + {"weight": ".diff", "bias": ".diff_b", "modulation": ".diff_m"}[leaf]]
            change = lora[pair[0]].float()
        seen.update(pair)
        expected = (base[name].float() + change).to(fused.dtype)
        assert torch.equal(fused, expected), name
        assert not torch.equal(fused, base[name]), name
    assert seen == set(lora), "everything that is published is applied"


def test_alpha_over_rank_scales(tmp_path: Path):
    up, down = torch.ones(3, 2), torch.ones(2, 5)
    pair = {"diffusion_model.a.lora_B.weight": up, "diffusion_model.a.lora_A.weight": down}
    save_file({**pair, "diffusion_model.a.alpha": torch.tensor(1.0)}, tmp_path / "lora.safetensors")
    lora = Lora(tmp_path / "lora.safetensors", dict)
    fused = lora.fuse("a.weight", torch.zeros(3, 5, dtype=torch.bfloat16))
    assert fused.dtype == torch.bfloat16
    assert torch.equal(fused.float(), torch.full((3, 5), 1 / 2 * 2))
    other = torch.zeros(1)
    assert lora.fuse("b.weight", other) is other
    lora.check_used()


def test_a_lora_of_another_model_is_refused(models_dir: Path):
    """The picture's LoRA has an image branch that the text model lacks."""
    found = locate(models_dir, I2V_480P_4STEP)
    assert found.adapter is not None
    options = on_cpu(adapter=found.adapter)
    with pytest.raises(CheckpointError, match="another model"):
        SPEC.load(locate(models_dir, T2V_14B).path, options)


def test_a_damaged_or_strange_lora_is_refused(tmp_path: Path):
    path = tmp_path / "lora.safetensors"
    path.write_bytes(b"not safetensors")
    with pytest.raises(CheckpointError, match="damaged"):
        open_lora(path)
    save_file({"diffusion_model.a.dora_scale": torch.ones(1)}, path)
    with pytest.raises(CheckpointError, match="unknown layout"):
        open_lora(path)
    save_file({"diffusion_model.a.lora_up.weight": torch.ones(2, 2)}, path)
    with pytest.raises(CheckpointError, match="lacks one matrix"):
        Lora(path, dict).fuse("a.weight", torch.ones(2, 2))


def test_what_is_quantized_and_cached_is_the_sum(models_dir: Path, tmp_path: Path):
    """The base's cache is never taken for it, nor the other way round."""
    reports: list[LoadReport] = []

    def eight_bits(variant: Variant) -> Any:
        found = locate(models_dir, variant)
        options = on_cpu(
            quantization=Quantization.FP8,
            adapter=found.adapter,
            cache_dir=tmp_path,
            cache_max_bytes=2**30,
            on_report=reports.append,
        )
        return SPEC.load(found.path, options)

    request = small(T2V_14B_4STEP)
    first = generated(eight_bits(T2V_14B_4STEP), request)
    again = generated(eight_bits(T2V_14B_4STEP), request)
    base = eight_bits(T2V_14B)
    base.scheduler = DistilledScheduler.with_shift()
    assert [report.from_cache for report in reports] == [False, True, False]
    assert np.array_equal(first[1], again[1])
    assert not np.array_equal(first[1], generated(base, request)[1])


# The recipe


def test_the_schedule_is_the_published_one():
    scheduler = DistilledScheduler.with_shift()
    scheduler.set_timesteps(4, device="cpu")
    # [1000, 750, 500, 250] shifted by 5: 5 s / (1 + 4 s)
    assert scheduler.sigmas.tolist() == pytest.approx([1, 0.9375, 5 / 6, 0.625, 0])
    assert scheduler.timesteps.tolist() == pytest.approx([1000, 937.5, 5000 / 6, 625])
    with pytest.raises(ValueError, match="num_inference_steps"):
        scheduler.set_timesteps(5)


def test_defaults_are_the_recipes():
    for variant in (T2V_14B_4STEP, I2V_480P_4STEP):
        request = resolved(variant)
        assert (request.num_inference_steps, request.guidance_scale) == (4, 1.0)
        assert request.negative_prompt == ""
        assert (request.width, request.height, request.num_frames) == (832, 480, 81)


@pytest.mark.parametrize("variant", [T2V_14B_4STEP, I2V_480P_4STEP], ids=lambda v: v.name)
@pytest.mark.parametrize(
    ("field", "value"), [("num_inference_steps", 3), ("num_inference_steps", 50)]
)
def test_other_steps_are_refused(variant: Variant, field: str, value: float):
    with pytest.raises(Unresolvable, match=field):
        resolved(variant, **{field: value})


def test_guidance_is_refused():
    with pytest.raises(Unresolvable, match="guidance_scale"):
        resolved(T2V_14B_4STEP, guidance_scale=5)


def test_ltx2_distilled_is_eight_steps_without_guidance():
    limits, defaults = LTX2_DISTILLED.limits, LTX2_DISTILLED.defaults
    assert limits.min_steps == limits.max_steps == defaults.num_inference_steps == 8
    assert limits.max_guidance_scale == defaults.guidance_scale == 1


# The job


def generated(pipeline: Any, request: ResolvedRequest) -> tuple[int, Any]:
    """Forward passes of the transformer, and the frames."""
    calls: list[int] = []
    hook = pipeline.transformer.register_forward_hook(
        lambda _module, _args, kwargs, _out: calls.append(len(kwargs["hidden_states"])),
        with_kwargs=True,
    )
    try:
        clip = SPEC.generate(pipeline, request, Context())
        frames = np.concatenate(list(clip.frames))
    finally:
        hook.remove()
    return sum(calls), frames


def small(variant: Variant, **fields: Any) -> ResolvedRequest:
    return resolved(variant).model_copy(
        update={"width": 64, "height": 48, "num_frames": 5, "image": None, **fields}
    )


def test_a_job_is_four_passes(t2v: Any):
    passes, frames = generated(t2v, small(T2V_14B_4STEP))
    assert passes == 4
    assert frames.shape == (5, 48, 64, 3)
    assert frames.std() > 1
    again = generated(t2v, small(T2V_14B_4STEP))[1]
    assert np.array_equal(frames, again), "the scheduler keeps nothing from job to job"
    assert t2v.scheduler.config.shift == 5.0


def test_the_picture_comes_from_the_fused_weights(models_dir: Path, t2v: Any):
    plain = load(models_dir, T2V_14B)
    plain.scheduler = DistilledScheduler.with_shift()
    request = small(T2V_14B_4STEP)
    assert not np.array_equal(generated(plain, request)[1], generated(t2v, request)[1])


def test_the_shift_may_be_asked_for(t2v: Any):
    other = small(T2V_14B_4STEP, options={"flow_shift": 8.0})
    usual = small(T2V_14B_4STEP)
    assert not np.array_equal(generated(t2v, other)[1], generated(t2v, usual)[1])


def test_image_to_video_is_four_passes(models_dir: Path, tmp_path: Path):
    path = tmp_path / "picture.png"
    noise = np.random.default_rng(5).integers(0, 256, (100, 170, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    pipeline = load(models_dir, I2V_480P_4STEP)
    passes, frames = generated(pipeline, small(I2V_480P_4STEP, image=path))
    assert passes == 4
    assert frames.std() > 1


# How an operator asks for it, and what a job says made it


def test_it_is_chosen_by_name():
    name = "Wan-AI/Wan2.1-T2V-14B-Diffusers+lightx2v-4step"
    assert choose_variant(SPEC, name) is T2V_14B_4STEP
    assert choose_variant(SPEC, "Wan-AI/Wan2.1-T2V-14B-Diffusers") is T2V_14B
    names = [variant.name for variant in SPEC.variants]
    assert len(set(names)) == len(names)
    with pytest.raises(SettingsError) as caught:
        choose_variant(SPEC, "Wan-AI/Wan2.1-T2V-1.3B-Diffusers+lightx2v-4step")
    assert name in (caught.value.body.hint or "")


def test_checkpoint_and_lora_are_named_together(models_dir: Path):
    base, found = locate(models_dir, T2V_14B), locate(models_dir, T2V_14B_4STEP)
    assert found.path == base.path
    assert found.id == (
        "Wan-AI/Wan2.1-T2V-14B-Diffusers + lightx2v/Wan2.1-Distill-Loras/"
        "wan2.1_t2v_14b_lora_rank64_lightx2v_4step.safetensors"
    )
    assert found.revision == f"{base.revision} + abc123"
    assert base.adapter is None


def test_a_missing_lora_says_how_to_get_it(tmp_path: Path):
    repository = tmp_path / "models--Wan-AI--Wan2.1-T2V-14B-Diffusers"
    snapshot = repository / "snapshots" / T2V_14B.revision
    snapshot.mkdir(parents=True)
    with pytest.raises(CheckpointError, match="Distill-Loras") as caught:
        locate(tmp_path, T2V_14B_4STEP)
    assert "download_models.sh lightx2v/Wan2.1-Distill-Loras" in (caught.value.body.hint or "")
