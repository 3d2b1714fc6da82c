"""Runs Wan2.1, its VACE, and Wan2.2's A14B through diffusers: text, pictures and videos to video.

Latents equal those of the authors' own code (tests/parity/test_official_wan.py); where that and
diffusers part, docs/fidelity.md says how. Latents are decoded here, four frames at a time, while
earlier frames are already being encoded.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import common.runtime.libraries  # noqa: F401

import torch
from diffusers import SchedulerMixin, WanImageToVideoPipeline, WanVACEPipeline
from PIL import Image

from common.base.errors import InvalidRequest
from common.contract import JobContext, LoadOptions, Phase
from common.kinds.video import VideoClip
from common.kinds.video.resolved import ResolvedRequest
from common.kinds.video.shown import beginning, source
from common.runtime.causal_decoding import check_decoder, decode
from common.runtime.checkpoints import find_class, load_pipeline, read_index
from common.runtime.devices import memory_errors
from common.runtime.flow_unipc import FlowUniPCScheduler
from common.runtime.from_video import Source, start_from
from common.runtime.images import load_image
from common.runtime.keep import TRANSFORMERS
from common.runtime.keep_dit import keep_rules
from common.runtime.kept_lora import Shelf, with_loras
from common.runtime.latent_preview import causal_vae_preview
from common.runtime.live_weights import is_component
from common.runtime.lora import Lora
from common.runtime.lora_names import to_diffusers_names
from common.runtime.sampling import StepCallback, generator_for, step_callback
from common.runtime.step_cache import StepCaches, with_step_cache
from wan21.distilled import DistilledScheduler
from wan21.estimates import HEADROOM, IN_FLOAT32, decoding_bytes
from wan21.flow_shift import flow_shift_for
from wan21.guided_by_expert import ImageToVideo, TextToVideo
from wan21.lora import PICTURE_BRANCH, open_lora
from wan21.mag_ratios import MAG_RATIOS
from wan21.options import Wan21Options
from wan21.vace import conditions_of

PIPELINES: Mapping[str, Any] = {
    "WanPipeline": TextToVideo,
    "WanImageToVideoPipeline": ImageToVideo,
    "WanVACEPipeline": WanVACEPipeline,
}

UNUSED = {"image_encoder": ("visual_projection.*",)}
"""The pipeline reads CLIP's hidden states, not what is projected from them. Published sources name
both ``CLIPVisionModel`` and ``CLIPVisionModelWithProjection``, whose files differ by this."""


def load(checkpoint: Path, options: LoadOptions) -> Any:
    """Load the diffusers pipeline that the checkpoint was saved from.

    Raises:
        CheckpointError: missing, incomplete, or of another model.
        SettingsError: a setting asks for what this device does not have.
    """
    pipeline_class = PIPELINES[find_class(checkpoint, known=PIPELINES)]
    pipeline = load_pipeline(
        pipeline_class,
        checkpoint,
        options,
        keep=keep_rules(checkpoint),
        adapters=_adapters(checkpoint, options),
        float32=IN_FLOAT32,
        unused=UNUSED,
    )
    check_decoder(pipeline.vae)
    pipeline.shelf = Shelf.of(options, to_diffusers_names)
    pipeline.step_caches = StepCaches.of(checkpoint, options, MAG_RATIOS)
    if options.adapter is not None:
        pipeline.scheduler = DistilledScheduler.with_shift()
    return pipeline


def _adapters(checkpoint: Path, options: LoadOptions) -> dict[str, Lora]:
    """By component: with two experts a file for each, and neither has a branch for pictures."""
    two = is_component(read_index(checkpoint).get(TRANSFORMERS[1]))
    files = zip(TRANSFORMERS, (options.adapter, options.adapter_2), strict=True)
    unused = PICTURE_BRANCH if two else ()
    return {name: open_lora(file, unused) for name, file in files if file is not None}


def generate(pipeline: Any, request: ResolvedRequest, context: JobContext) -> VideoClip:
    """Denoise now; decode as the frames are drawn from the clip.

    Raises:
        OutOfMemory: here, or while frames are drawn.
    """
    context.progress(Phase.ENCODING_PROMPT)
    context.raise_if_cancelled()
    with memory_errors():
        latents = _denoise(pipeline, request, context)
    vae = pipeline.vae
    needed = decoding_bytes(request.width, request.height, vae.config.base_dim)
    return VideoClip(
        frames=decode(vae, latents, context, needed_bytes=needed, headroom=HEADROOM),
        num_frames=request.clip_frames,
        width=request.width,
        height=request.height,
        fps=request.fps,
    )


def _denoise(pipeline: Any, request: ResolvedRequest, context: JobContext) -> torch.Tensor:
    """Latents of shape [1, 16, (clip_frames - 1) / 4 + 1, height / 8, width / 8].

    With ``guidance_scale`` of 1 or less the pipeline skips the negative prompt and its pass.
    """
    pipeline.scheduler = _scheduler(pipeline, request)
    in_front = len(request.reference_images)
    preview = causal_vae_preview(pipeline.vae)
    callback = step_callback(
        context, request.steps_taken, lambda latents: preview(latents[:, :, in_front:])
    )
    caching = _options(request).caching(request.num_inference_steps)
    with with_loras(pipeline, request.loras), with_step_cache(pipeline, caching):
        latents: torch.Tensor = pipeline(
            **_start(pipeline, request, callback),
            prompt=request.prompt,
            negative_prompt=request.negative_prompt,
            height=request.height,
            width=request.width,
            num_frames=request.clip_frames,
            num_inference_steps=request.num_inference_steps,
            guidance_scale=request.guidance_scale,
            guidance_scale_2=_options(request).guidance_scale_2 if _has_experts(pipeline) else None,
            generator=generator_for(request.seed),
            output_type="latent",
        ).frames
    return latents[:, :, in_front:]


def _scheduler(pipeline: Any, request: ResolvedRequest) -> SchedulerMixin:
    """A scheduler of this request's own: it keeps state, and its shift depends on the size."""
    asked = _options(request).flow_shift
    if isinstance(pipeline.scheduler, DistilledScheduler):
        return DistilledScheduler.with_shift(asked)
    heads = pipeline.transformer.config.num_attention_heads
    shift = asked or flow_shift_for(
        request.width,
        request.height,
        num_attention_heads=heads,
        from_picture=isinstance(pipeline, WanImageToVideoPipeline),
        to_picture=request.last_image is not None,
        two_experts=_has_experts(pipeline),
        vace=isinstance(pipeline, WanVACEPipeline),
    )
    return FlowUniPCScheduler.from_config(pipeline.scheduler.config, flow_shift=shift)


def _has_experts(pipeline: Any) -> bool:
    return pipeline.config.boundary_ratio is not None


def _options(request: ResolvedRequest) -> Wan21Options:
    return Wan21Options(**request.options)


def _start(pipeline: Any, request: ResolvedRequest, callback: StepCallback) -> dict[str, Any]:
    """Where the sampling begins: in noise, behind a picture, or in a video that is made anew.

    VACE begins in noise, whatever it is given of the video.
    """
    if isinstance(pipeline, WanVACEPipeline):
        return {**conditions_of(request), "callback_on_step_end": callback}
    if isinstance(pipeline, WanImageToVideoPipeline):
        frames = beginning(request)
        if frames is None:
            raise InvalidRequest("this checkpoint starts from a picture.", param="image")
        pictures = {"image": Image.fromarray(frames[-1]), "last_image": _last(request)}
        return {**pictures, "callback_on_step_end": callback}
    frames = source(request)
    if frames is None:
        return {"callback_on_step_end": callback}
    return start_from(
        pipeline,
        Source(frames, request.retake_span),
        num_inference_steps=request.num_inference_steps,
        taken=request.steps_taken,
        generator=generator_for(request.seed),
        callback=callback,
    )


def _last(request: ResolvedRequest) -> Image.Image | None:
    if request.last_image is None:
        return None
    return Image.fromarray(load_image(request.last_image, request.width, request.height))
