"""Runs what stands in for Waver 1.0 through diffusers: text and image to video.

Latents equal those of the authors' own code (tests/parity/test_official_wan.py); where that and
diffusers part, docs/fidelity.md says how. Latents are decoded here, four frames at a time, while
earlier frames are being encoded.
"""

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import common.runtime.libraries  # noqa: F401

import diffusers
import numpy as np
import torch
from diffusers import WanImageToVideoPipeline, WanPipeline
from numpy.typing import NDArray
from PIL import Image

from common.base.errors import CheckpointError
from common.contract import BatchContext, JobContext, LoadOptions, Phase
from common.kinds.video import VideoClip
from common.kinds.video.resolved import ResolvedRequest
from common.kinds.video.shown import beginning, source
from common.runtime.causal_decoding import check_decoder, decode
from common.runtime.checkpoints import find_class, load_pipeline
from common.runtime.devices import memory_errors
from common.runtime.flow_unipc import FlowUniPCScheduler
from common.runtime.from_video import Source, start_from
from common.runtime.keep_dit import keep_rules
from common.runtime.kept_lora import Shelf, with_loras
from common.runtime.latent_preview import causal_vae_preview
from common.runtime.lora_names import to_diffusers_names
from common.runtime.sampling import StepCallback, generator_for, step_callback
from common.runtime.step_cache import StepCaches, with_step_cache
from common.runtime.weights import checkpoint_name
from waver.estimates import HEADROOM, IN_FLOAT32, TEXT_TOKENS, decoding_bytes
from waver.guidance import projected_guidance
from waver.mag_ratios import MAG_RATIOS
from waver.options import Guidance, WaverOptions
from waver.pictures import PicturesPipeline, as_tensor
from waver.prompts import tagged_negative_prompt, tagged_prompt
from waver.variants import STAND_INS

FLOW_SHIFT_5B = 5.0
"""``sample_shift`` in Wan-Video/Wan2.2, wan/configs/wan_ti2v_5B.py."""

FLOW_SHIFT_1_3B = 8.0
"""Model card of Wan-AI/Wan2.1-T2V-1.3B: 8 to 12, with guidance_scale 6."""

SHARED_PARTS = ("tokenizer", "text_encoder", "vae", "scheduler", "transformer")
"""What text to video and image to video are both made of."""


def load(checkpoint: Path, options: LoadOptions) -> Any:
    """Load the diffusers pipeline that the checkpoint was saved from.

    Raises:
        CheckpointError: missing, incomplete, or of another model.
        SettingsError: a setting asks for what this device does not have.
    """
    pipeline_class = _pipeline_class(checkpoint)
    pipeline = load_pipeline(
        pipeline_class, checkpoint, options, keep=keep_rules(checkpoint), float32=IN_FLOAT32
    )
    check_decoder(pipeline.vae)
    pipeline.shelf = Shelf.of(options, to_diffusers_names)
    pipeline.step_caches = StepCaches.of(checkpoint, options, MAG_RATIOS)
    return pipeline


def _pipeline_class(checkpoint: Path) -> Any:
    """A stand-in's is known. Of any other checkpoint it must be Waver's own, under any name."""
    name = find_class(checkpoint)
    if checkpoint_name(checkpoint) in {variant.checkpoint for variant in STAND_INS}:
        find_class(checkpoint, known=[WanPipeline.__name__])
        return WanPipeline
    if not name.startswith("Waver"):
        raise CheckpointError(
            f"checkpoint {checkpoint_name(checkpoint)} is not Waver: it holds a {name}.",
            hint="Set WAVER_CHECKPOINT to one that stands in for it, or leave it out.",
        )
    if not hasattr(diffusers, name):
        raise CheckpointError(
            f"diffusers {diffusers.__version__} has no {name}, which this checkpoint needs.",
            hint="Raise diffusers in waver/requirements.txt to a release that has it.",
        )
    return getattr(diffusers, name)


def generate(pipeline: Any, request: ResolvedRequest, context: JobContext) -> VideoClip:
    """Denoise now; decode as the frames are drawn from the clip.

    Raises:
        OutOfMemory: here, or while frames are drawn.
    """
    return _clip(pipeline, request, _latents(pipeline, [request], context), context)


def generate_batch(
    pipeline: Any, requests: Sequence[ResolvedRequest], context: BatchContext
) -> list[VideoClip]:
    """Denoise all together; decode each by itself, as its frames are drawn. Raises as above.

    Every clip has its own noise, and nothing in a pass goes from one to another.
    """
    together = _latents(pipeline, requests, context, context.clips)
    each = zip(requests, together.chunk(len(requests)), context.clips, strict=True)
    return [_clip(pipeline, request, latents, clip) for request, latents, clip in each]


def _latents(
    pipeline: Any,
    requests: Sequence[ResolvedRequest],
    context: JobContext,
    clips: Sequence[JobContext] = (),
) -> torch.Tensor:
    context.progress(Phase.ENCODING_PROMPT)
    context.raise_if_cancelled()
    with memory_errors():
        if _stands_in(pipeline):
            return _denoise(pipeline, requests, context, clips)
        # What an unknown pipeline makes of several pictures is not known either.
        return torch.cat([_denoise(pipeline, [request], context) for request in requests])


def _clip(
    pipeline: Any, request: ResolvedRequest, latents: torch.Tensor, context: JobContext
) -> VideoClip:
    needed = decoding_bytes(request.width, request.height, dict(pipeline.vae.config))
    return VideoClip(
        frames=decode(pipeline.vae, latents, context, needed_bytes=needed, headroom=HEADROOM),
        num_frames=request.clip_frames,
        width=request.width,
        height=request.height,
        fps=request.fps,
    )


def _denoise(
    pipeline: Any,
    requests: Sequence[ResolvedRequest],
    context: JobContext,
    clips: Sequence[JobContext] = (),
) -> torch.Tensor:
    """Latents of shape [B, C, (clip_frames - 1) / 4 + 1, height / S, width / S].

    C and S are 48 and 16 for the 5B, 16 and 8 for the 1.3B.
    """
    request = requests[0]  # the others differ in words, seed and picture alone
    options = WaverOptions(**request.options)
    pipeline.scheduler = _scheduler(pipeline, options)
    guidance, prompts = _guided(pipeline, requests, options)
    pictures = [shown for each in requests if (shown := beginning(each)) is not None]
    run = _for_pictures(pipeline, len(requests)) if pictures else pipeline
    picture = causal_vae_preview(pipeline.vae)
    callback = step_callback(context, request.steps_taken, picture, clips)
    cached = with_step_cache(pipeline, options.caching(request.num_inference_steps))
    with guidance, with_loras(pipeline, request.loras), cached:
        latents: torch.Tensor = run(
            **prompts,
            **_pictures(pictures),
            **_start(pipeline, request, callback),
            height=request.height,
            width=request.width,
            num_frames=request.clip_frames,
            num_inference_steps=request.num_inference_steps,
            generator=[generator_for(each.seed) for each in requests],
            output_type="latent",
        ).frames
    return latents


def _start(pipeline: Any, request: ResolvedRequest, callback: StepCallback) -> dict[str, Any]:
    """Where the sampling begins: in noise, or in a video that is made anew."""
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


def _guided(
    pipeline: Any, requests: Sequence[ResolvedRequest], options: WaverOptions
) -> tuple[Any, Any]:
    """What to guide inside of, and the arguments for the prompts.

    With ``guidance_scale`` of 1 or less the negative prompt and its pass are skipped.
    """
    prompts = {
        "prompt": [tagged_prompt(r.prompt, options.style, options.quality) for r in requests],
        "negative_prompt": [
            tagged_negative_prompt(r.negative_prompt, options.quality) for r in requests
        ],
    }
    scale = requests[0].guidance_scale
    if options.guidance is Guidance.CFG or scale <= 1:
        return nullcontext(), {**prompts, "guidance_scale": scale}
    with torch.no_grad():
        embeds = pipeline.encode_prompt(**prompts, max_sequence_length=TEXT_TOKENS)
    positive, negative = (each.to(pipeline.transformer.dtype) for each in embeds)
    guidance = projected_guidance(
        pipeline.transformer, negative, scale=scale, threshold=options.apg_threshold
    )
    return guidance, {"prompt_embeds": positive, "guidance_scale": 1.0}


def _scheduler(pipeline: Any, options: WaverOptions) -> Any:
    """A scheduler of this request's own: it keeps state."""
    config = pipeline.scheduler.config
    if not _stands_in(pipeline):
        return type(pipeline.scheduler).from_config(config)
    published = FLOW_SHIFT_5B if pipeline.config.expand_timesteps else FLOW_SHIFT_1_3B
    return FlowUniPCScheduler.from_config(config, flow_shift=options.flow_shift or published)


def _stands_in(pipeline: Any) -> bool:
    return type(pipeline) is WanPipeline


def _for_pictures(pipeline: Any, clips: int) -> Any:
    """The same models in the pipeline that begins with pictures; the 5B is made for both."""
    if not _stands_in(pipeline):
        return pipeline
    parts = {name: pipeline.components[name] for name in SHARED_PARTS}
    kind = WanImageToVideoPipeline if clips == 1 else PicturesPipeline
    run = kind(**parts, expand_timesteps=pipeline.config.expand_timesteps)
    run.set_progress_bar_config(disable=True)
    return run


def _pictures(shown: Sequence[NDArray[np.uint8]]) -> dict[str, Any]:
    """One as a picture, so that any pipeline takes it; several as a tensor."""
    pictures = [frames[-1] for frames in shown]
    if len(pictures) > 1:
        return {"image": as_tensor(pictures)}
    return {"image": Image.fromarray(pictures[0])} if pictures else {}
