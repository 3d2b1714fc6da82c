"""A fifth model, numpy only: the whole stack runs on it, without torch and without weights.

Its options say how it misbehaves, so that the stack's answers to that can be tested.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from common.contract import (
    BatchContext,
    Memory,
    ModelSpec,
    Quantization,
)
from common.contract.compute_dtype import ComputeDtype
from common.contract.deferred import Deferred, PipelineModule
from common.kinds.video import (
    VIDEO_KIND,
    Capability,
    Defaults,
    Limits,
    Preset,
    VideoClip,
    VideoVariant,
)
from common.kinds.video.presets import presets
from common.kinds.video.resolved import ResolvedRequest
from tests.toy.options import MIB, ToyOptions, megabytes_of


def _pipeline() -> PipelineModule:
    from tests.toy import pipeline

    return pipeline


_DEFERRED = Deferred(_pipeline)


def _generate_batch(
    pipeline: Any, requests: Sequence[ResolvedRequest], context: BatchContext
) -> list[VideoClip]:
    from tests.toy import pipeline as toy

    return toy.generate_batch(pipeline, requests, context)


def memory(
    checkpoint: Path, request: ResolvedRequest, dtype: ComputeDtype = ComputeDtype.BFLOAT16
) -> Memory:
    """What the checkpoint and the options say, and some frames."""
    options = ToyOptions.model_validate(request.options)
    says = options.hold_mb if options.says_mb is None else options.says_mb
    frames = request.width * request.height * 3 * 8
    return Memory(load_bytes=megabytes_of(checkpoint) * MIB, run_bytes=says * MIB + frames)


def saved_bytes(
    checkpoint: Path, scheme: Quantization, _dtype: ComputeDtype = ComputeDtype.BFLOAT16
) -> int:
    """What a scheme would take off the weights, if there were any."""
    percent = {Quantization.FP8: 44, Quantization.FP8_COMPUTE: 44, Quantization.NF4: 65}
    return megabytes_of(checkpoint) * MIB * percent.get(scheme, 0) // 100


def cost(request: ResolvedRequest) -> float:
    """One operation a pixel and step."""
    pixels = request.width * request.height * request.num_frames
    return float(pixels * request.num_inference_steps)


VARIANT = VideoVariant(
    checkpoint="videosdgx/toy",
    revision="main",
    capabilities=frozenset(
        {
            Capability.TEXT_TO_VIDEO,
            Capability.IMAGE_TO_VIDEO,
            Capability.AUDIO,
            Capability.LORA,
            Capability.EXTEND,
            Capability.RETAKE,
        }
    ),
    limits=Limits(
        size_multiple=16,
        min_side=16,
        max_side=1280,
        max_pixels=1280 * 720,
        frames_step=4,
        min_frames=1,
        max_frames=161,
    ),
    defaults=Defaults(
        width=64,
        height=48,
        num_frames=9,
        fps=8,
        num_inference_steps=3,
        guidance_scale=1,
        negative_prompt="ugly",
    ),
    presets=presets(
        draft=Preset(size=(32, 32), num_inference_steps=1),
        high=Preset(size=(128, 96), num_inference_steps=5, guidance_scale=2),
    ),
)

SPEC = ModelSpec(
    kind=VIDEO_KIND,
    id="toy",
    title="Toy",
    licence="Apache-2.0",
    port=8099,
    variants=(VARIANT,),
    options=ToyOptions,
    load=_DEFERRED.load,
    generate=_DEFERRED.generate,
    memory=memory,
    saved_bytes=saved_bytes,
    cost=cost,
    max_batch=4,
    generate_batch=_generate_batch,
)


def make_checkpoint(
    models_dir: Path, brightness: int = 255, *, name: str = "toy", megabytes: int = 0
) -> None:
    """Write a toy's weights where its service looks for them."""
    folder = models_dir / f"models--videosdgx--{name}"
    snapshot = folder / "snapshots" / "toy-revision"
    snapshot.mkdir(parents=True, exist_ok=True)
    (snapshot / "brightness.txt").write_text(str(brightness))
    (snapshot / "megabytes.txt").write_text(str(megabytes))
    (folder / "refs").mkdir(exist_ok=True)
    (folder / "refs" / "main").write_text("toy-revision")
