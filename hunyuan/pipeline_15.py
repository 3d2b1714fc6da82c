"""Runs HunyuanVideo 1.5 through diffusers: text to video, and a picture to video.

Qwen2.5-VL's language model reads the prompt inside of a chat, ByT5 what it has in quotation marks,
and SigLIP looks at a picture. Guidance is a part of the checkpoint, a guider, and no argument.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import common.runtime.libraries  # noqa: F401

import torch
from diffusers import HunyuanVideo15ImageToVideoPipeline, HunyuanVideo15Pipeline
from diffusers.guiders import guider_utils
from diffusers.pipelines.hunyuan_video1_5.image_processor import HunyuanVideo15ImageProcessor
from PIL import Image

from common.base.errors import InvalidRequest
from common.contract import JobContext, LoadOptions
from common.kinds.video.resolved import ResolvedRequest
from common.kinds.video.shown import beginning
from common.runtime.checkpoints import find_class, load_pipeline
from common.runtime.latent_preview import LatentPreview
from common.runtime.quiet import without
from common.runtime.sampling import generator_for, step_callback
from hunyuan.decoding import latent_preview
from hunyuan.decoding_15 import prepare_decoder
from hunyuan.options import HunyuanOptions
from hunyuan.precision import keep_rules
from hunyuan.telling_scheduler import TellingScheduler
from hunyuan.unpadded_15 import leave_out_padding

logging.getLogger(guider_utils.__name__).addFilter(without("an experimental feature"))
"""It says so of each guider, and each job has one."""

PIPELINES: Mapping[str, Any] = {
    "HunyuanVideo15Pipeline": HunyuanVideo15Pipeline,
    "HunyuanVideo15ImageToVideoPipeline": HunyuanVideo15ImageToVideoPipeline,
}


@dataclass(frozen=True)
class Hunyuan15:
    """A loaded checkpoint."""

    diffusers: Any
    """One of ``PIPELINES``."""
    flow_shift: float
    """The published one."""
    preview: LatentPreview


class OwnSize(HunyuanVideo15ImageProcessor):  # type: ignore[misc]  # diffusers is untyped
    """Leaves a picture its size, which is the video's and was chosen before.

    The library's takes the nearest of its list. ``do_resize`` is off there too.
    """

    def calculate_default_height_width(
        self, height: int, width: int, target_size: int
    ) -> tuple[int, int]:
        """The picture's own."""
        del target_size
        return height, width


def load(checkpoint: Path, options: LoadOptions) -> Hunyuan15:
    """Load a checkpoint in the diffusers layout.

    Raises:
        CheckpointError: missing, incomplete, or of another model.
        SettingsError: a setting asks for what this device does not have.
    """
    pipeline_class = PIPELINES[find_class(checkpoint, known=PIPELINES)]
    pipeline = load_pipeline(pipeline_class, checkpoint, options, keep=keep_rules(checkpoint))
    # The pipeline cuts the chat's beginning off in front, by its number of tokens.
    pipeline.tokenizer.padding_side = "right"
    spatial = pipeline.vae_scale_factor_spatial
    pipeline.video_processor = OwnSize(vae_scale_factor=spatial, do_resize=False)
    leave_out_padding(pipeline.transformer)
    prepare_decoder(pipeline.vae)
    shift = pipeline.scheduler.config.shift
    return Hunyuan15(pipeline, shift, latent_preview(pipeline.vae))


def denoise(model: Hunyuan15, request: ResolvedRequest, context: JobContext) -> torch.Tensor:
    """Latents of shape [1, 32, (num_frames - 1) / 4 + 1, height / 16, width / 16].

    With a guidance of 1 or less the guider leaves out the negative prompt and its pass.
    """
    pipeline, steps = model.diffusers, request.num_inference_steps
    shift = HunyuanOptions(**request.options).flow_shift or model.flow_shift
    told = step_callback(context, steps, model.preview)
    pipeline.scheduler = TellingScheduler.of(pipeline.scheduler, shift, told)
    pipeline.guider = pipeline.guider.new(guidance_scale=max(1.0, request.guidance_scale))
    latents: torch.Tensor = pipeline(
        **_beginning(pipeline, request),
        prompt=request.prompt,
        negative_prompt=request.negative_prompt,
        num_frames=request.num_frames,
        num_inference_steps=steps,
        generator=generator_for(request.seed),
        output_type="latent",
    ).frames
    return latents


def _beginning(pipeline: Any, request: ResolvedRequest) -> dict[str, Any]:
    """A picture in the video's size, or the size alone."""
    if isinstance(pipeline, HunyuanVideo15Pipeline):
        return {"height": request.height, "width": request.width}
    frames = beginning(request)
    if frames is None:
        raise InvalidRequest("this checkpoint starts from a picture.", param="image")
    return {"image": Image.fromarray(frames[-1])}
