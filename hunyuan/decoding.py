"""From latents to frames, a piece at a time, bit for bit as ``AutoencoderKLHunyuanVideo`` does it.

Its tiled decoding cuts a video into pieces of 17 frames and these into tiles of 256x256, and blends
what overlaps. But it keeps all pieces until the last is there. The same loop over the pieces here
hands out each when its last frames have been blended, and keeps four frames for the next. It was
written against diffusers 0.42.1, models/autoencoders/autoencoder_kl_hunyuan_video.py,
``_temporal_tiled_decode``; it can go once diffusers decodes into an iterator.

Tiles are never left out: in one piece the attention of 1280x720 would take a mask of 20 GB.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import common.runtime.libraries  # noqa: F401

import numpy as np
import torch
from numpy.typing import NDArray

from common.contract import JobContext, Phase
from common.runtime.devices import memory_errors
from common.runtime.latent_preview import LatentPreview, fit_colours
from common.runtime.sampling import to_uint8

CARD_SIDE = 256
"""Pixels: 32x32 latents, and one tile."""

_USED = (
    "blend_t",
    "tile_sample_min_num_frames",
    "tile_sample_stride_num_frames",
    "use_framewise_decoding",
)


def prepare_decoder(vae: Any) -> None:
    """Let it make tiles, and leave the pieces to ``decode``.

    Raises:
        RuntimeError: diffusers has changed; told at loading, not after an hour of denoising.
    """
    missing = [name for name in _USED if not hasattr(vae, name)]
    if missing:
        raise RuntimeError(f"AutoencoderKLHunyuanVideo has changed: it has no {missing}")
    vae.enable_tiling()
    vae.use_framewise_decoding = False


@torch.no_grad()
def decode(vae: Any, latents: torch.Tensor, context: JobContext) -> Iterator[NDArray[np.uint8]]:
    """Yield uint8 chunks [T, H, W, 3]: the first of 13 frames, the others of 12 at most.

    Args:
        vae: an ``AutoencoderKLHunyuanVideo``, prepared.
        latents: as the transformer has them, shape [1, 16, T', H', W'].
        context: told of every piece, asked before each tile.

    Raises:
        GenerationFailed: the video holds NaN.
        OutOfMemory: a tile did not fit.
    """
    starts = range(0, max(latents.shape[2] - 1, 1), _latents(vae, "stride"))
    context.progress(Phase.DECODING, 0, len(starts))
    context.raise_if_cancelled()
    with memory_errors():
        scaled = latents.to(vae.device, vae.dtype) / vae.config.scaling_factor
        for step, piece in enumerate(_pieces(vae, scaled, starts, context), start=1):
            frames = to_uint8(piece)
            context.progress(Phase.DECODING, step, len(starts))
            yield frames
            context.raise_if_cancelled()


def _pieces(
    vae: Any, latents: torch.Tensor, starts: range, context: JobContext
) -> Iterator[torch.Tensor]:
    """Shape [1, 3, T, H, W] in [-1, 1].

    A piece begins with the latent that the one before it ends its own part with: causal
    convolutions need it, and the frame that it makes is thrown away. A single latent at the end
    would make that frame alone: ``starts`` leaves it out.
    """
    length, stride = _latents(vae, "min") + 1, vae.tile_sample_stride_num_frames
    overlap = vae.tile_sample_min_num_frames - stride
    tail: torch.Tensor | None = None
    for start in starts:
        with _asking_before_each_tile(vae, context):
            piece = vae.decode(latents[:, :, start : start + length], return_dict=False)[0]
        if tail is None:
            yield piece[:, :, : stride + 1]
        else:
            piece = vae.blend_t(tail, piece[:, :, 1:], overlap)
            yield piece[:, :, :stride]
        tail = piece[:, :, -overlap:].clone()


def _latents(vae: Any, which: str) -> int:
    """Latent frames of a piece (``min``), or from one to the next (``stride``)."""
    frames: int = getattr(vae, f"tile_sample_{which}_num_frames")
    return frames // int(vae.temporal_compression_ratio)


@contextmanager
def _asking_before_each_tile(vae: Any, context: JobContext) -> Iterator[None]:
    """A piece of 1280x720 is 28 tiles, which may take half a minute."""
    handle = vae.decoder.register_forward_pre_hook(lambda *_: context.raise_if_cancelled())
    try:
        yield
    finally:
        handle.remove()


def latent_preview(vae: Any) -> LatentPreview:
    """A look at latents as the transformer has them; fitted once a load."""

    def encode(pixels: torch.Tensor) -> torch.Tensor:
        latents = vae.encode(pixels.to(vae.dtype)).latent_dist.mode().float()
        scaled: torch.Tensor = latents * vae.config.scaling_factor
        return scaled

    return LatentPreview(lambda: fit_colours(encode, CARD_SIDE, vae.device))
