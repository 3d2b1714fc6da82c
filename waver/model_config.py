"""Waver as a service: what stands in for it, limits and defaults, and what a job costs.

The weights of Waver 1.0 (arXiv 2508.15761, github.com/FoundationVision/Waver) are not public. Open
Wan checkpoints stand in for it, and every variant that does says so
(docs/decisions/0011-waver-is-a-stand-in.md). Imports no torch: the API process reads this too.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from common.contract import BatchContext, JobContext, LoadOptions, ModelSpec, Quantization
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
from common.kinds.video.requests import ResolvedRequest
from waver.estimates import WAN_2_2, flops_of, memory_of, num_tokens
from waver.options import WaverOptions
from waver.precision import saved_bytes
from waver.prompts import NEGATIVE_PROMPT, Quality

WAVER = "Waver 1.0"

_TEXT = frozenset({Capability.TEXT_TO_VIDEO})
_BOTH = _TEXT | {Capability.IMAGE_TO_VIDEO}

_IN_WORDS = {"quality": Quality.HIGH.value}
PRESETS = presets(
    draft=Preset(size=(832, 480), num_inference_steps=20),
    high=Preset(num_inference_steps=60, options=_IN_WORDS),
)
PRESETS_480P = presets(
    draft=Preset(size=(640, 352), num_inference_steps=20),
    high=Preset(num_inference_steps=60, options=_IN_WORDS),
)
"""The sizes of the defaults are the largest that the stand-ins are meant for, so ``high`` has more
steps, and the words for quality. Both, like a draft's numbers, are ours and not measured."""

TI2V_5B = VideoVariant(
    checkpoint="Wan-AI/Wan2.2-TI2V-5B-Diffusers",
    revision="b8fff7315c768468a5333511427288870b2e9635",
    capabilities=_BOTH,
    limits=Limits(
        size_multiple=32,  # 16x16 pixels a latent, 2x2 latents a token
        min_side=128,
        max_side=1280,
        max_pixels=1280 * 704,
        frames_step=4,  # 4 frames a latent, after a first one of its own
        min_frames=5,
        max_frames=241,  # trained on 121; beyond, motion repeats and the cost grows
        fixed_fps=24,
    ),
    defaults=Defaults(
        width=1280,
        height=704,
        num_frames=121,
        fps=24,
        num_inference_steps=50,
        guidance_scale=5.0,
        negative_prompt=NEGATIVE_PROMPT,
    ),
    stands_in_for=WAVER,
    presets=PRESETS,
)
"""Numbers: Wan-Video/Wan2.2, wan/configs/wan_ti2v_5B.py; sizes: its model card."""

T2V_1_3B = VideoVariant(
    checkpoint="Wan-AI/Wan2.1-T2V-1.3B-Diffusers",
    revision="0fad780a534b6463e45facd96134c9f345acfa5b",
    capabilities=_TEXT,
    limits=replace(
        TI2V_5B.limits,
        size_multiple=16,  # 8x8 pixels a latent
        max_pixels=832 * 480,  # its model card calls 720p unstable
        max_frames=161,
        fixed_fps=16,
    ),
    defaults=replace(
        TI2V_5B.defaults, width=832, height=480, num_frames=81, fps=16, guidance_scale=6.0
    ),
    stands_in_for=WAVER,
    presets=PRESETS_480P,
)
"""For speed. Numbers: Wan-Video/Wan2.1, wan/configs, and the model card."""

WAVER_1_0 = replace(
    TI2V_5B,
    checkpoint="*/[Ww]aver*",
    revision="main",
    limits=replace(TI2V_5B.limits, size_multiple=16, max_pixels=1280 * 720),
    defaults=replace(TI2V_5B.defaults, height=720),
    stands_in_for=None,
)
"""The real one, once it is published in a diffusers layout: ``WAVER_CHECKPOINT=<its hub id>``.

720p, up to ten seconds and Wan 2.1's VAE (8x8 pixels a latent) are in its report; rate and steps
are not, and are to be looked at on that day."""

STAND_INS = (TI2V_5B, T2V_1_3B)


def load(checkpoint: Path, options: LoadOptions) -> Any:
    """Load a checkpoint. See ``waver.pipeline.load``."""
    from waver import pipeline

    return pipeline.load(checkpoint, options)


def generate(pipeline: Any, request: ResolvedRequest, context: JobContext) -> VideoClip:
    """Make a video. See ``waver.pipeline.generate``."""
    from waver import pipeline as waver

    return waver.generate(pipeline, request, context)


def generate_batch(
    pipeline: Any, requests: Sequence[ResolvedRequest], context: BatchContext
) -> list[VideoClip]:
    """Make several videos. See ``waver.pipeline.generate_batch``."""
    from waver import pipeline as waver

    return waver.generate_batch(pipeline, requests, context)


MAX_BATCH = 8

FUSED_TOKENS = 512
"""Tokens of a clip up to which it is fused with others: 256x256 and 25 frames are 448. From a few
hundred on a pass computes for longer than its weights take to be read, and a batch only makes its
first clip wait. An estimate until a GPU has measured it (docs/decisions/0018-fused-batches.md)."""


def worth_fusing(request: ResolvedRequest) -> bool:
    """Whether a clip is so small that one alone leaves the GPU idle."""
    return num_tokens(request, WAN_2_2) <= FUSED_TOKENS


SPEC = ModelSpec(
    kind=VIDEO_KIND,
    id="waver",
    title="Waver 1.0, or what stands in for it",
    licence="Apache-2.0, of the Wan checkpoints that stand in for Waver 1.0",
    port=8004,
    variants=(*STAND_INS, WAVER_1_0),
    options=WaverOptions,
    load=load,
    generate=generate,
    memory=memory_of,
    saved_bytes=saved_bytes,
    cost=flops_of,
    quantization=Quantization.FP8,
    max_batch=MAX_BATCH,
    generate_batch=generate_batch,
    worth_fusing=worth_fusing,
)
