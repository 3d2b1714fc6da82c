"""A video that is there at twice its sides: its latents are enlarged, and nothing is denoised.

As ``LTX2LatentUpsamplePipeline`` of diffusers does it with a video. What is no whole number of
latents is filled up: with its edges behind the sides, and its last frame behind the others; they
are cut off again.
"""

from collections.abc import Iterator
from typing import Any

import common.runtime.libraries  # noqa: F401

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import pad

from common.contract import JobContext, Phase
from common.kinds.video import VideoClip
from common.kinds.video.resolved import ResolvedRequest
from common.kinds.video.shown import whole
from common.runtime.devices import memory_errors
from common.runtime.sampling import generator_for
from ltx2.decoding import decode_video, fitted
from ltx2.denoising import Ltx2
from ltx2.estimates import SPATIAL, TEMPORAL, in_whole_latents

SCALE = 2


def enlarged(model: Ltx2, request: ResolvedRequest, context: JobContext) -> VideoClip:
    """The same frames at twice the sides; the sound is whoever's that knows it.

    Raises:
        CheckpointError: the upsampler's file is missing, damaged or of another model.
        EncodingFailed: the video breaks off.
        OutOfMemory: it did not fit.
    """
    files = model.refining.opened(lora=False)  # before anything is decoded
    context.progress(Phase.DECODING)
    pipeline = model.text_to_video
    with memory_errors():
        latents = _encoded(model, request, context)
        context.raise_if_cancelled()
        larger = files.upsampled(pipeline, latents)
    frames = decode_video(pipeline, larger, context, normalised=False)
    return VideoClip(
        frames=_cut(frames, request),
        num_frames=request.num_frames,
        width=request.width * SCALE,
        height=request.height * SCALE,
        fps=request.fps,
    )


@torch.no_grad()
def _encoded(model: Ltx2, request: ResolvedRequest, context: JobContext) -> torch.Tensor:
    """Not normalised, float32, shape [1, C, T, H, W]; drawn from the encoder's distribution."""
    pipeline, (frames, height, width) = model.text_to_video, in_whole_latents(request)
    vae: Any = pipeline.vae
    size = ((frames - 1) // TEMPORAL + 1, height // SPATIAL, width // SPATIAL)
    pixels = _pixels(vae, request, context)
    with fitted(pipeline, size):
        distribution = vae.encode(pixels).latent_dist
    latents: torch.Tensor = distribution.sample(generator_for(request.seed))
    return latents.float()


def _pixels(vae: Any, request: ResolvedRequest, context: JobContext) -> torch.Tensor:
    """In [-1, 1], in the VAE's format, shape [1, 3, T, H, W] of whole latents."""
    frames, height, width = in_whole_latents(request)
    pixels = torch.empty(1, 3, frames, height, width, dtype=vae.dtype, device=vae.device)
    edges = (0, width - request.width, 0, height - request.height)
    for index, frame in enumerate(whole(request)):
        context.raise_if_cancelled()
        unit = torch.tensor(frame, device=vae.device).movedim(-1, 1).float() / 255
        pixels[:, :, index] = pad(unit * 2 - 1, edges, mode="replicate")
    last = request.num_frames - 1
    pixels[:, :, last + 1 :] = pixels[:, :, last : last + 1]
    return pixels


def _cut(chunks: Iterator[NDArray[np.uint8]], request: ResolvedRequest) -> Iterator[NDArray[Any]]:
    """Without what was filled up. All are drawn."""
    left = request.num_frames
    for chunk in chunks:
        kept = chunk[:left, : request.height * SCALE, : request.width * SCALE]
        left -= len(kept)
        if len(kept):
            yield np.ascontiguousarray(kept)
