"""MAGI-1 as a service: its checkpoints, their limits and defaults, and what a job costs.

Weights are Apache-2.0 and ungated. All of them lie in one repository of the hub, each in a folder
of its own below ``ckpt/magi``. Imports no torch: the API process reads this too.
"""

from dataclasses import replace

from common.contract import ModelSpec, Quantization, Variant
from common.contract.deferred import Deferred, PipelineModule
from common.kinds.video import (
    VIDEO_KIND,
    Capability,
    Defaults,
    Limits,
    Preset,
    VideoInput,
    VideoVariant,
)
from common.kinds.video.presets import presets
from magi1.estimates import flops_of, memory_of
from magi1.options import MAX_CHUNKS, Magi1Options
from magi1.precision import saved_bytes

FPS = 24
CHUNK_FRAMES = 24
"""Six latent frames of four: the piece in which a video is made (arXiv 2505.13211, section 1)."""

DISTILLED_STEPS = (8, 12, 16, 32, 64)
"""What the shortcut models are trained for; 12 mixes two step sizes (``shortcut_mode``)."""

BASE_STEPS = tuple(range(4, 101, 4))
"""Steps are spread over a window of four chunks."""

LIMITS = Limits(
    size_multiple=16,  # 8x8 pixels a latent, 2x2 latents a token
    min_side=128,
    max_side=1280,
    max_pixels=1280 * 720,
    frames_step=CHUNK_FRAMES,
    frames_offset=0,
    min_frames=CHUNK_FRAMES,
    max_frames=MAX_CHUNKS * CHUNK_FRAMES,  # ten minutes; memory does not grow with the length
    fixed_fps=FPS,
    legal_steps=DISTILLED_STEPS,
    max_guidance_scale=1,
    # ``process_prefix_video`` in inference/pipeline/video_process.py takes the first 32 frames.
    # Of a rest below 4, one latent frame's, the official autoencoder can make nothing.
    video_input=VideoInput(fps=FPS, min_frames=4, max_frames=32, frames_step=4),
    tail_frames=32,
    takes_negative_prompt=False,  # guidance leads away from a learned caption of no text
)
BASE_LIMITS = replace(LIMITS, legal_steps=BASE_STEPS, max_guidance_scale=20)

DEFAULTS = Defaults(
    width=720,
    height=720,
    num_frames=96,
    fps=FPS,
    num_inference_steps=16,
    guidance_scale=1.0,
)
"""Size and length: example/4.5B/4.5B_distill_config.json in SandAI-org/MAGI-1. Its 64 steps cost
four times the 16 of the distilled 24B's example."""

DEFAULTS_24B = replace(DEFAULTS, width=1280)

_ALL = frozenset(
    {
        Capability.TEXT_TO_VIDEO,
        Capability.IMAGE_TO_VIDEO,
        Capability.VIDEO_CONTINUATION,
        Capability.EXTEND,
    }
)


def _presets(draft_size: tuple[int, int], draft_steps: int, high_steps: int) -> tuple[Preset, ...]:
    return presets(
        draft=Preset(size=draft_size, num_inference_steps=draft_steps),
        high=Preset(num_inference_steps=high_steps),
    )


PRESETS = _presets((480, 480), 8, 64)
"""64 steps are those of the 4.5B's official example, 8 the fewest that it is distilled for."""
PRESETS_BASE = _presets((480, 480), 32, 96)
PRESETS_24B = _presets((848, 480), 8, 32)
PRESETS_24B_BASE = _presets((848, 480), 16, 64)
"""What is not the default here is ours: half and twice its steps, or half as many again."""


def _variant(
    folder: str, limits: Limits, defaults: Defaults, levels: tuple[Preset, ...]
) -> Variant:
    return VideoVariant(
        "sand-ai/MAGI-1",
        "main",
        _ALL,
        limits,
        defaults,
        subfolder=f"ckpt/magi/{folder}",
        shared_folders=("ckpt/t5", "ckpt/vae"),
        presets=levels,
    )


VARIANTS = (
    _variant("4.5B_distill", LIMITS, DEFAULTS, PRESETS),
    _variant(
        "4.5B_base",
        BASE_LIMITS,
        replace(DEFAULTS, num_inference_steps=64, guidance_scale=7.5),
        PRESETS_BASE,
    ),
    _variant("4.5B_distill_quant", LIMITS, DEFAULTS, PRESETS),
    _variant("24B_distill", LIMITS, DEFAULTS_24B, PRESETS_24B),
    _variant(
        "24B_base",
        BASE_LIMITS,
        replace(DEFAULTS_24B, num_inference_steps=32, guidance_scale=7.5),
        PRESETS_24B_BASE,
    ),
    _variant("24B_distill_quant", LIMITS, DEFAULTS_24B, PRESETS_24B),
)


def _pipeline() -> PipelineModule:
    from magi1 import pipeline

    return pipeline


_DEFERRED = Deferred(_pipeline)

SPEC = ModelSpec(
    kind=VIDEO_KIND,
    id="magi1",
    title="MAGI-1",
    licence="Apache-2.0",
    port=8003,
    variants=VARIANTS,
    options=Magi1Options,
    load=_DEFERRED.load,
    generate=_DEFERRED.generate,
    memory=memory_of,
    saved_bytes=saved_bytes,
    cost=flops_of,
    quantization=Quantization.NF4,
)
