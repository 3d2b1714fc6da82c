"""From latents to sound and frames, bit for bit as ``LTX2Pipeline.__call__`` does it."""

import math
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import common.runtime.libraries  # noqa: F401

import numpy as np
import torch
from diffusers import LTX2Pipeline
from numpy.typing import NDArray

from common.contract import JobContext, Phase
from common.kinds.video import AudioTrack
from common.kinds.video.resolved import ResolvedRequest
from common.runtime.acceleration import fit_decoder
from common.runtime.available import available_bytes
from common.runtime.devices import memory_errors
from common.runtime.sampling import to_uint8
from ltx2.estimates import HEADROOM, decoding_bytes, whole_decoding_bytes

TILE_STRIDE = 14
"""Latents from one tile to the next, 448 pixels, of tiles of 512: AutoencoderKLLTX2Video's own."""
CHUNK_FRAMES = 16
"""Frames handed to the encoder at once: 28 MB at 1024x576."""


@dataclass(frozen=True)
class Latents:
    """What denoising leaves."""

    video: torch.Tensor
    """Shape [1, 128, latent frames, height / 32, width / 32], normalised, in the compute dtype."""
    audio: torch.Tensor
    """Shape [1, channels, latents, mel bins], denormalised, float32."""
    plain: torch.Tensor
    """The picture's again, like ``video``; denormalised, float32."""


def latent_size(pipeline: LTX2Pipeline, request: ResolvedRequest) -> tuple[int, int, int]:
    """Latent frames, height and width."""
    return (
        (request.clip_frames - 1) // pipeline.vae_temporal_compression_ratio + 1,
        request.height // pipeline.vae_spatial_compression_ratio,
        request.width // pipeline.vae_spatial_compression_ratio,
    )


def unpack_latents(
    pipeline: LTX2Pipeline, packed: torch.Tensor, request: ResolvedRequest
) -> torch.Tensor:
    """Turn tokens, shape [1, tokens, channels], into ``Latents.video``.

    Those behind the video's own are of keyframes, and left out.
    """
    size = latent_size(pipeline, request)
    latents: torch.Tensor = pipeline._unpack_latents(
        packed[:, : math.prod(size)],  # both patch sizes are 1
        *size,
        pipeline.transformer_spatial_patch_size,
        pipeline.transformer_temporal_patch_size,
    )
    return latents.to(pipeline.text_encoder.dtype)


@torch.no_grad()
def decode_audio(pipeline: LTX2Pipeline, latents: torch.Tensor) -> AudioTrack:
    """Decode the sound: a mel spectrogram, then the vocoder's waveform at its own rate.

    It is a little shorter than the video (5.01 s for 121 frames at 24 fps): the latents are
    whole, and their first stands for one mel frame instead of four.
    """
    spectrogram = pipeline.audio_vae.decode(
        latents.to(pipeline.audio_vae.dtype), return_dict=False
    )[0]
    return vocode(pipeline, spectrogram)


@torch.no_grad()
def vocode(pipeline: LTX2Pipeline, spectrogram: torch.Tensor) -> AudioTrack:
    """The waveform of a mel spectrogram, shape [1, 2, frames, mel bins], in the vocoder's dtype."""
    waveform = pipeline.vocoder(spectrogram.to(pipeline.vocoder.dtype))[0].float().cpu().numpy()
    return AudioTrack(
        samples=np.ascontiguousarray(waveform.T),
        sample_rate=pipeline.vocoder.config.output_sampling_rate,
    )


def decode_video(
    pipeline: LTX2Pipeline,
    latents: torch.Tensor,
    context: JobContext,
    available: int | None = None,
    *,
    normalised: bool = True,
) -> Iterator[NDArray[np.uint8]]:
    """Yield the frames, uint8, shape [T, height, width, 3], T of 16 at most.

    The decoder sees all frames at once, since it is not causal; what is done by chunks is the
    conversion, which would otherwise hold the video once more in float32.

    Args:
        pipeline: its ``vae`` is used.
        latents: see ``Latents.video``.
        context: told of every chunk, asked before each.
        available: bytes that it may take; what the device has when the first chunk is drawn,
            where it is left out. What does not fit is decoded in tiles, which are blended.
        normalised: whether the latents are, as those of a last step.

    Raises:
        OutOfMemory: the video did not fit.
        GenerationFailed: the model produced NaN.
    """
    context.raise_if_cancelled()
    with memory_errors():
        video = decode_latents(pipeline, latents, available, normalised=normalised)
    starts = range(0, video.shape[2], CHUNK_FRAMES)
    for index, start in enumerate(starts):
        context.raise_if_cancelled()
        with memory_errors():
            chunk = to_uint8(video[:, :, start : start + CHUNK_FRAMES])
        context.progress(Phase.DECODING, index + 1, len(starts))
        yield chunk


@torch.no_grad()
def decode_latents(
    pipeline: LTX2Pipeline, latents: torch.Tensor, available: int | None, *, normalised: bool = True
) -> torch.Tensor:
    """Shape [1, 3, T, height, width] in [-1, 1]. The tiling is set for this video alone."""
    vae: Any = pipeline.vae
    free = available_bytes(vae.device, HEADROOM) if available is None else available
    _fit(pipeline, latents.shape[2:], free)
    if normalised:
        latents = pipeline._denormalize_latents(
            latents, vae.latents_mean, vae.latents_std, vae.config.scaling_factor
        )
    try:
        video: torch.Tensor = vae.decode(
            latents.to(vae.dtype), _timestep(vae, latents), return_dict=False
        )[0]
    finally:
        vae.disable_tiling()  # the next job may encode a picture before it comes here
    return video


def fitted_encoding(
    pipeline: LTX2Pipeline, request: ResolvedRequest
) -> AbstractContextManager[None]:
    """Within, a video that is made anew is encoded in tiles where it would not fit in one piece."""
    if request.retake is None:
        return nullcontext()
    return fitted(pipeline, latent_size(pipeline, request))


@contextmanager
def fitted(pipeline: LTX2Pipeline, latents: Sequence[int]) -> Iterator[None]:
    """Within, a video of so many latent frames, height and width is encoded in pieces that fit.

    To encode takes what to decode does: 87 bytes a pixel in bfloat16, counted on the meta device.
    """
    _fit(pipeline, latents, available_bytes(pipeline.vae.device, HEADROOM))
    try:
        yield
    finally:
        pipeline.vae.disable_tiling()


def _fit(pipeline: LTX2Pipeline, latents: Sequence[int], available: int) -> None:
    """Tile where the whole is more than is free, or more than the job was given memory for.

    Args:
        pipeline: its ``vae`` is changed.
        latents: latent frames, height and width.
        available: bytes.
    """
    spatial = pipeline.vae_spatial_compression_ratio
    width, height = latents[2] * spatial, latents[1] * spatial
    frames = (latents[0] - 1) * pipeline.vae_temporal_compression_ratio + 1
    vae: Any = pipeline.vae
    size = (width, height, frames, vae.dtype.itemsize)
    whole, given = whole_decoding_bytes(vae.config, *size), decoding_bytes(vae.config, *size)
    if fit_decoder(vae, whole, min(available, given)):
        strides = [spatial * _stride(side) for side in latents[1:]]
        vae.tile_sample_stride_height, vae.tile_sample_stride_width = strides


def _stride(latents: int) -> int:
    """From one tile to the next: 13 where 14 would leave a last tile of a single latent.

    LTX-2.0's decoder pads by reflection, and one latent has no neighbour to reflect.
    """
    return TILE_STRIDE - (latents % TILE_STRIDE == 1)


def _timestep(vae: Any, latents: torch.Tensor) -> torch.Tensor | None:
    """The decoder's noise level, where it has one: 0, diffusers' ``decode_timestep``.

    The noise that diffusers then mixes in has weight 0, so it is not drawn.
    """
    if not vae.config.timestep_conditioning:
        return None
    return torch.zeros(1, device=latents.device, dtype=latents.dtype)
