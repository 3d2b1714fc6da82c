"""Runs HunyuanVideo and what is distilled of it through diffusers: text to video.

HunyuanVideo 1.5 has other parts, and is in ``pipeline_15``; what both do is here.

Llama 3 reads the prompt inside of a template, CLIP reads it alone; both as diffusers has them. The
latents are decoded here, piece by piece, while earlier frames are already being encoded.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import common.runtime.libraries  # noqa: F401

import numpy as np
import torch
from diffusers import FlowMatchEulerDiscreteScheduler, HunyuanVideoPipeline
from diffusers.pipelines.hunyuan_video import pipeline_hunyuan_video
from numpy.typing import NDArray

from common.contract import JobContext, LoadOptions, Phase
from common.kinds.video import VideoClip
from common.kinds.video.resolved import ResolvedRequest
from common.runtime.checkpoints import find_class, load_pipeline
from common.runtime.devices import memory_errors
from common.runtime.latent_preview import LatentPreview
from common.runtime.quiet import without
from common.runtime.sampling import generator_for, step_callback
from hunyuan import decoding_15, pipeline_15
from hunyuan.decoding import decode, latent_preview, prepare_decoder
from hunyuan.estimates import IN_FLOAT32
from hunyuan.flow_shift import flow_shift_for
from hunyuan.options import EMBEDDED_GUIDANCE, HunyuanOptions
from hunyuan.pipeline_15 import Hunyuan15
from hunyuan.precision import keep_rules
from hunyuan.tokenizer import published_tokenizer
from hunyuan.unpadded import leave_out_padding

logging.getLogger(pipeline_hunyuan_video.__name__).addFilter(without("truncated because CLIP"))
"""It writes the end of a long prompt into the log. CLIP reads the beginning, Llama all of it."""


@dataclass(frozen=True)
class Hunyuan:
    """A loaded checkpoint."""

    diffusers: HunyuanVideoPipeline
    flow_shift: float
    """The published one."""
    preview: LatentPreview


def load(checkpoint: Path, options: LoadOptions) -> Hunyuan | Hunyuan15:
    """Load a checkpoint in the diffusers layout.

    Raises:
        CheckpointError: missing, incomplete, or of another model.
        SettingsError: a setting asks for what this device does not have.
    """
    known = ("HunyuanVideoPipeline", *pipeline_15.PIPELINES)
    if find_class(checkpoint, known=known) in pipeline_15.PIPELINES:
        return pipeline_15.load(checkpoint, options)
    tokenizer = published_tokenizer(checkpoint)
    pipeline = load_pipeline(
        HunyuanVideoPipeline,
        checkpoint,
        options,
        keep=keep_rules(checkpoint),
        float32=IN_FLOAT32,
    )
    pipeline.register_modules(tokenizer=tokenizer)
    leave_out_padding(pipeline.transformer)
    prepare_decoder(pipeline.vae)
    return Hunyuan(pipeline, flow_shift_for(checkpoint), latent_preview(pipeline.vae))


def generate(
    model: Hunyuan | Hunyuan15, request: ResolvedRequest, context: JobContext
) -> VideoClip:
    """Denoise now; decode as the frames are drawn from the clip.

    Raises:
        OutOfMemory: here, or while frames are drawn.
    """
    context.progress(Phase.ENCODING_PROMPT)
    context.raise_if_cancelled()
    with memory_errors():
        frames = _frames(model, request, context)
    return VideoClip(
        frames=frames,
        num_frames=request.num_frames,
        width=request.width,
        height=request.height,
        fps=request.fps,
    )


def _frames(
    model: Hunyuan | Hunyuan15, request: ResolvedRequest, context: JobContext
) -> Iterator[NDArray[np.uint8]]:
    vae = model.diffusers.vae
    if isinstance(model, Hunyuan15):
        return decoding_15.decode(vae, pipeline_15.denoise(model, request, context), context)
    return decode(vae, denoise(model, request, context), context)


def denoise(model: Hunyuan, request: ResolvedRequest, context: JobContext) -> torch.Tensor:
    """Latents of shape [1, 16, (num_frames - 1) / 4 + 1, height / 8, width / 8].

    diffusers calls the embedded scale ``guidance_scale``, and the one that takes a second pass
    ``true_cfg_scale``; at 1 or less that pass and its prompt are left out.
    """
    options, steps = HunyuanOptions(**request.options), request.num_inference_steps
    pipeline: Any = model.diffusers
    pipeline.scheduler = _scheduler(pipeline, options.flow_shift or model.flow_shift)
    latents: torch.Tensor = pipeline(
        prompt=request.prompt,
        negative_prompt=request.negative_prompt,
        height=request.height,
        width=request.width,
        num_frames=request.num_frames,
        num_inference_steps=steps,
        true_cfg_scale=request.guidance_scale,
        guidance_scale=options.embedded_guidance_scale or EMBEDDED_GUIDANCE,
        generator=generator_for(request.seed),
        callback_on_step_end=step_callback(context, steps, model.preview),
        output_type="latent",
    ).frames
    return latents


def _scheduler(pipeline: Any, shift: float) -> FlowMatchEulerDiscreteScheduler:
    """A scheduler of this request's own: it keeps state."""
    return FlowMatchEulerDiscreteScheduler.from_config(pipeline.scheduler.config, shift=shift)
