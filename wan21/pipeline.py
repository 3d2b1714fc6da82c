"""Runs Wan2.1 through diffusers: text to video, and image to video.

Frames equal those of a plain diffusers call bit for bit (tests/parity/test_wan21.py). What
differs is when: latents are decoded here, four frames at a time, while earlier frames are
already being encoded.
"""

from pathlib import Path
from typing import Any

import torch
from diffusers import SchedulerMixin, UniPCMultistepScheduler, WanImageToVideoPipeline, WanPipeline
from PIL import Image

from common.contract import JobContext, LoadOptions, Phase, VideoClip
from common.errors import InvalidRequest
from common.requests import ResolvedRequest
from common.runtime.causal_decoding import check_decoder, decode
from common.runtime.checkpoints import find_class, load_pipeline
from common.runtime.devices import memory_errors
from common.runtime.images import load_image
from common.runtime.latent_preview import causal_vae_preview
from common.runtime.sampling import generator_for, step_callback
from wan21.distilled import DistilledScheduler
from wan21.estimates import decoding_bytes
from wan21.flow_shift import flow_shift_for
from wan21.lora import open_lora
from wan21.options import Wan21Options
from wan21.precision import keep_rules

PIPELINES = {
    "WanPipeline": WanPipeline,
    "WanImageToVideoPipeline": WanImageToVideoPipeline,
}


def load(checkpoint: Path, options: LoadOptions) -> Any:
    """Load the diffusers pipeline that the checkpoint was saved from.

    Raises:
        CheckpointError: missing, incomplete, or of another model.
        SettingsError: a setting asks for what this device does not have.
    """
    pipeline_class = PIPELINES[find_class(checkpoint, known=PIPELINES)]
    adapters = {"transformer": open_lora(options.adapter)} if options.adapter else {}
    pipeline = load_pipeline(
        pipeline_class, checkpoint, options, keep=keep_rules(checkpoint), adapters=adapters
    )
    check_decoder(pipeline.vae)
    if options.adapter is not None:
        pipeline.scheduler = DistilledScheduler.with_shift()
    return pipeline


def generate(pipeline: Any, request: ResolvedRequest, context: JobContext) -> VideoClip:
    """Denoise now; decode as the frames are drawn from the clip.

    Raises:
        OutOfMemory: here, or while frames are drawn.
    """
    context.progress(Phase.ENCODING_PROMPT)
    context.raise_if_cancelled()
    with memory_errors():
        latents = _denoise(pipeline, request, context)
    needed = decoding_bytes(request.width, request.height, pipeline.vae.config.base_dim)
    return VideoClip(
        frames=decode(pipeline.vae, latents, context, needed_bytes=needed),
        num_frames=request.num_frames,
        width=request.width,
        height=request.height,
        fps=request.fps,
    )


def _denoise(pipeline: Any, request: ResolvedRequest, context: JobContext) -> torch.Tensor:
    """Latents of shape [1, 16, (num_frames - 1) / 4 + 1, height / 8, width / 8].

    With ``guidance_scale`` of 1 or less the pipeline skips the negative prompt and its pass.
    """
    pipeline.scheduler = _scheduler(pipeline, request)
    steps, picture = request.num_inference_steps, causal_vae_preview(pipeline.vae)
    latents: torch.Tensor = pipeline(
        **_picture(pipeline, request),
        prompt=request.prompt,
        negative_prompt=request.negative_prompt,
        height=request.height,
        width=request.width,
        num_frames=request.num_frames,
        num_inference_steps=steps,
        guidance_scale=request.guidance_scale,
        generator=generator_for(request.seed),
        callback_on_step_end=step_callback(context, steps, picture),
        output_type="latent",
    ).frames
    return latents


def _scheduler(pipeline: Any, request: ResolvedRequest) -> SchedulerMixin:
    """A scheduler of this request's own: it keeps state, and its shift depends on the size."""
    asked = Wan21Options(**request.options).flow_shift
    if isinstance(pipeline.scheduler, DistilledScheduler):
        return DistilledScheduler.with_shift(asked)
    heads = pipeline.transformer.config.num_attention_heads
    shift = asked or flow_shift_for(request.width, request.height, num_attention_heads=heads)
    return UniPCMultistepScheduler.from_config(pipeline.scheduler.config, flow_shift=shift)


def _picture(pipeline: Any, request: ResolvedRequest) -> dict[str, Image.Image]:
    if not isinstance(pipeline, WanImageToVideoPipeline):
        return {}
    if request.image is None:
        raise InvalidRequest("this checkpoint starts from a picture.", param="image")
    pixels = load_image(request.image, request.width, request.height)
    return {"image": Image.fromarray(pixels)}
