"""Wan 2.2's A14B through the service: diffusers' two experts bit for bit, in FP8, with LoRAs."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import common.runtime.libraries  # noqa: F401

import numpy as np
import pytest
import torch
from diffusers import WanImageToVideoPipeline, WanPipeline
from safetensors.torch import save_file

from common.contract import LoadReport, Quantization
from common.kinds.video.loras import ResolvedLora
from common.kinds.video.resolved import ResolvedRequest
from common.runtime.flow_unipc import FlowUniPCScheduler
from common.runtime.quantization import scheme_of
from scripts.tiny import wan21 as tiny
from tests.formats import on_cpu
from tests.parity import clips
from tests.parity.bare import bare
from tests.parity.clips import called, saved_picture
from wan21.estimates import memory_of, passes_of
from wan21.model_config import SPEC

request_of = partial(clips.request_of, SPEC, (64, 48), num_frames=5, num_inference_steps=5)
frames_of = partial(clips.frames_of, SPEC)
EXPERTS = ("transformer", "transformer_2")


@pytest.fixture(scope="module")
def models_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def snapshots(models_dir: Path) -> list[Path]:
    """For text, and for pictures."""
    return tiny.build_2_2(models_dir)


@pytest.fixture(scope="module")
def t2v(snapshots: list[Path]) -> Any:
    return SPEC.load(snapshots[0], on_cpu())


def guided(first: float, second: float, **fields: Any) -> ResolvedRequest:
    return request_of(guidance_scale=first, options={"guidance_scale_2": second}, **fields)


def test_text_to_video_is_bit_equal(t2v: Any, snapshots: list[Path]) -> None:
    request = guided(4.0, 3.0)
    pipe = bare(WanPipeline, snapshots[0], float32=("vae",))
    pipe.scheduler = FlowUniPCScheduler.from_config(pipe.scheduler.config, flow_shift=12.0)
    expected = called(partial(pipe, guidance_scale_2=3.0), request)
    assert np.array_equal(frames_of(t2v, request), expected)
    assert not np.array_equal(frames_of(t2v, guided(4.0, 4.0)), expected)


def test_image_to_video_is_bit_equal_without_clip(snapshots: list[Path], tmp_path: Path) -> None:
    request = guided(3.5, 3.5, image=saved_picture(tmp_path))
    pipe = bare(WanImageToVideoPipeline, snapshots[1], float32=("vae",))
    assert pipe.image_encoder is None
    pipe.scheduler = FlowUniPCScheduler.from_config(pipe.scheduler.config, flow_shift=5.0)
    expected = called(partial(pipe, guidance_scale_2=3.5), request)
    assert np.array_equal(frames_of(SPEC.load(snapshots[1], on_cpu()), request), expected)


def counted(pipeline: Any, run: Callable[[], object]) -> list[int]:
    """Forward passes of each expert."""
    calls = [0, 0]

    def count(at: int) -> Callable[..., None]:
        def called(*_: object) -> None:
            calls[at] += 1

        return called

    parts = [getattr(pipeline, name) for name in EXPERTS]
    hooks = [part.register_forward_hook(count(at)) for at, part in enumerate(parts)]
    run()
    for hook in hooks:
        hook.remove()
    return calls


@pytest.mark.parametrize(
    ("first", "second", "passes"),
    [(4.0, 3.0, [8, 2]), (4.0, 1.0, [8, 1]), (1.0, 3.0, [4, 2]), (1.0, 1.0, [4, 1])],
)
def test_each_expert_pays_for_its_own_guidance(
    t2v: Any, first: float, second: float, passes: list[int]
) -> None:
    request = guided(first, second)
    assert counted(t2v, lambda: frames_of(t2v, request)) == passes
    assert passes_of(request) == sum(passes), "as it is estimated"


# FP8, its cache, and LoRAs


def linears(pipeline: Any, name: str) -> set[Quantization]:
    blocks = getattr(pipeline, name).blocks
    found = (scheme_of(module) for block in blocks for module in block.modules())
    return {scheme for scheme in found if scheme is not None}


def test_both_experts_are_quantized_cached_and_counted(
    snapshots: list[Path], tmp_path: Path
) -> None:
    reports: list[LoadReport] = []
    options = on_cpu(quantization=Quantization.FP8, cache_dir=tmp_path, on_report=reports.append)
    first, again = (SPEC.load(snapshots[0], options) for _ in range(2))
    assert [report.from_cache for report in reports] == [False, True]
    for name in EXPERTS:
        assert Quantization.FP8 in linears(first, name)
    entries = {path.name.rpartition("-")[0] for path in tmp_path.glob("[!.]*")}
    assert entries >= set(EXPERTS)
    request = guided(4.0, 3.0)
    assert np.array_equal(frames_of(first, request), frames_of(again, request))
    weights = [first.transformer, first.transformer_2]
    numbers = sum(part.numel() for expert in weights for part in expert.state_dict().values())
    assert memory_of(snapshots[0], request).load_bytes > 2 * numbers


def test_both_experts_have_the_attention_that_is_asked_for(snapshots: list[Path]) -> None:
    pipeline = SPEC.load(snapshots[0], on_cpu(attention_backend="_native_math"))
    for name in EXPERTS:
        parts = getattr(pipeline, name).modules()
        backends = {p.processor._attention_backend for p in parts if hasattr(p, "processor")}
        assert backends == {"_native_math"}, name


def write_lora(folder: Path, name: str) -> ResolvedLora:
    generator = torch.Generator().manual_seed(5)
    tensors = {
        f"diffusion_model.blocks.{block}.self_attn.q.{half}.weight": 3
        * torch.randn(shape, generator=generator)
        for block in (0, 1)
        for half, shape in (("lora_A", (4, 24)), ("lora_B", (24, 4)))
    }
    (folder / "loras").mkdir(exist_ok=True)
    save_file(tensors, folder / "loras" / f"{name}.safetensors")
    return ResolvedLora(name=name, strength=1.0, size_bytes=1)


def test_a_lora_counts_in_the_expert_that_its_name_says(
    snapshots: list[Path], models_dir: Path
) -> None:
    options = on_cpu(quantization=Quantization.FP8, models_dir=models_dir)
    pipeline = SPEC.load(snapshots[0], options)
    request = guided(4.0, 3.0)
    plain = frames_of(pipeline, request)
    made = {
        name: frames_of(
            pipeline, request.model_copy(update={"loras": (write_lora(models_dir, name),)})
        )
        for name in ("style", "style_high_noise", "style_low")
    }
    pair = (write_lora(models_dir, "style_high_noise"), write_lora(models_dir, "style_low"))
    of_a_pair = frames_of(pipeline, request.model_copy(update={"loras": pair}))
    different = [plain, *made.values()]
    for at, one in enumerate(different):
        assert not any(np.array_equal(one, other) for other in different[at + 1 :])
    assert np.array_equal(of_a_pair, made["style"]), "both halves are the whole"
    assert np.array_equal(frames_of(pipeline, request), plain), "gone to the bit"
