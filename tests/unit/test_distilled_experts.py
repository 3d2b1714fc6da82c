"""Wan 2.2's A14B in four steps: a published LoRA for each of its two experts."""

from pathlib import Path
from typing import Any

import common.runtime.libraries  # noqa: F401

import numpy as np
import pytest
import torch
from diffusers import WanTransformer3DModel
from safetensors.torch import load_file

from common.base.errors import CheckpointError, Unresolvable
from common.contract import LoadReport, Quantization
from common.contract.hub import locate
from common.kinds.video.frame_size import Picture
from common.kinds.video.requests import GenerateRequest
from common.kinds.video.resolved import ResolvedRequest
from common.runtime.devices import as_torch
from scripts.checkpoints import _lines
from scripts.tiny import wan21 as tiny
from scripts.tiny.wan21_lora import original_name, save_lora
from tests.formats import COMPUTE_DTYPE, on_cpu
from tests.job_contexts import Context
from tests.parity.clips import saved_picture
from tests.resolving import resolve
from wan21.distilled import DistilledScheduler
from wan21.model_config import I2V_A14B, I2V_A14B_4STEP, SPEC, T2V_A14B_4STEP

EXPERTS = ("transformer", "transformer_2")
CLIP = ("img_emb", "k_img", "v_img")


@pytest.fixture(scope="module")
def models_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny checkpoint, and its two LoRAs; that for low noise changes a branch for CLIP too."""
    root = tmp_path_factory.mktemp("models")
    tiny.build_2_2(root)
    adapter = I2V_A14B_4STEP.adapter
    assert adapter is not None
    folder = root / f"models--{adapter.repository.replace('/', '--')}" / "snapshots" / "abc123"
    for file, image_dim in zip(adapter.files, (None, tiny.IMAGE_DIM), strict=True):
        made_for = tiny._transformer(tiny.I2V_CHANNELS, 2, image_dim=image_dim)
        save_lora(folder / file, made_for)
    (folder.parents[1] / "refs").mkdir()
    (folder.parents[1] / "refs" / "main").write_text("abc123")
    return root


def load(models_dir: Path, **options: Any) -> Any:
    found = locate(models_dir, I2V_A14B_4STEP)
    return SPEC.load(
        found.path, on_cpu(adapter=found.adapter, adapter_2=found.adapter_2, **options)
    )


@pytest.fixture(scope="module")
def pipeline(models_dir: Path) -> Any:
    return load(models_dir)


@pytest.mark.parametrize("name", EXPERTS)
def test_each_expert_is_its_base_and_its_own_lora(models_dir: Path, pipeline: Any, name: str):
    found = locate(models_dir, I2V_A14B_4STEP)
    file = {"transformer": found.adapter, "transformer_2": found.adapter_2}[name]
    assert file is not None
    lora, seen = load_file(file), set[str]()
    base = WanTransformer3DModel.from_pretrained(
        found.path, subfolder=name, dtype=as_torch(COMPUTE_DTYPE)
    ).state_dict()
    for weight, fused in getattr(pipeline, name).named_parameters():
        key, _, leaf = f"diffusion_model.{original_name(weight)}".rpartition(".")
        direct = key + {"weight": ".diff", "bias": ".diff_b", "modulation": ".diff_m"}[leaf]
        pair = [f"{key}.lora_up.weight", f"{key}.lora_down.weight"]
        if direct in lora:
            pair, change = [direct], lora[direct].float()
        else:
            change = lora[pair[0]].float() @ lora[pair[1]].float()
        seen.update(pair)
        assert torch.equal(fused, (base[weight].float() + change).to(fused.dtype)), weight
    left = set(lora) - seen
    assert all(any(part in key for part in CLIP) for key in left)
    assert bool(left) is (name == "transformer_2")


def resolved(**fields: object) -> ResolvedRequest:
    request = GenerateRequest.model_validate({"prompt": "a cat", "seed": 1, **fields})
    return resolve(request, SPEC, I2V_A14B_4STEP, Picture("cat.png", 1664, 960)).request


def test_a_job_is_two_steps_of_each_expert_and_no_guidance(pipeline: Any, tmp_path: Path):
    request = resolved().model_copy(
        update={"width": 64, "height": 48, "num_frames": 5, "image": saved_picture(tmp_path)}
    )
    assert request.num_inference_steps == 4
    assert (request.guidance_scale, request.options["guidance_scale_2"]) == (1.0, 1.0)
    at: list[tuple[str, float]] = []
    hooks = [
        getattr(pipeline, name).register_forward_hook(
            lambda _module, _args, given, _out, name=name: at.append(
                (name, float(given["timestep"]))
            ),
            with_kwargs=True,
        )
        for name in EXPERTS
    ]
    frames = np.concatenate(list(SPEC.generate(pipeline, request, Context()).frames))
    for hook in hooks:
        hook.remove()
    assert [name for name, _ in at] == ["transformer"] * 2 + ["transformer_2"] * 2
    assert [timestep for _, timestep in at] == pytest.approx([1000, 937.5, 5000 / 6, 625])
    assert isinstance(pipeline.scheduler, DistilledScheduler)
    assert frames.std() > 1


def test_what_is_quantized_and_cached_is_the_sum(models_dir: Path, tmp_path: Path):
    """The base's entries are never taken for it."""
    reports: list[LoadReport] = []
    eight_bits = {
        "quantization": Quantization.FP8,
        "cache_dir": tmp_path,
        "on_report": reports.append,
    }
    base = locate(models_dir, I2V_A14B)
    SPEC.load(base.path, on_cpu(**eight_bits))
    load(models_dir, **eight_bits)
    load(models_dir, **eight_bits)
    assert [report.from_cache for report in reports] == [False, False, True]


def test_guidance_is_refused_at_either_expert():
    with pytest.raises(Unresolvable, match="guidance_scale"):
        resolved(guidance_scale=5)
    with pytest.raises(Unresolvable, match=r"options\.guidance_scale_2: 5 is out of range"):
        resolved(options={"guidance_scale_2": 5})


def test_both_files_are_named_looked_for_and_fetched(
    models_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    adapter = I2V_A14B_4STEP.adapter
    assert adapter is not None
    found, base = locate(models_dir, I2V_A14B_4STEP), locate(models_dir, I2V_A14B)
    names = [f"{adapter.repository}/{file}" for file in adapter.files]
    assert found.id == " + ".join([base.id, *names])
    assert found.revision == f"{base.revision} + abc123"
    monkeypatch.setenv("WAN21_CHECKPOINT", I2V_A14B_4STEP.name)
    assert next(line for line in _lines("wan21") if "Loras" in line).split()[3:] == [*adapter.files]
    snapshots = tmp_path / f"models--{base.id.replace('/', '--')}" / "snapshots"
    (snapshots / I2V_A14B.revision).mkdir(parents=True)
    folder = tmp_path / f"models--{adapter.repository.replace('/', '--')}" / "snapshots" / "main"
    folder.mkdir(parents=True)
    (folder / adapter.file).touch()
    with pytest.raises(CheckpointError, match="low_noise") as caught:
        locate(tmp_path, I2V_A14B_4STEP)
    assert f"download_models.sh {adapter.repository}" in (caught.value.body.hint or "")


def test_the_one_for_text_is_the_same_recipe():
    assert T2V_A14B_4STEP.name == "Wan-AI/Wan2.2-T2V-A14B-Diffusers+lightx2v-4step"
    defaults = T2V_A14B_4STEP.defaults
    assert (defaults.num_inference_steps, defaults.guidance_scale) == (4, 1.0)
    assert defaults.guidance_scale_2 == 1.0
