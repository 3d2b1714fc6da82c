"""From latents to frames, bit for bit as ``AutoencoderKLHunyuanVideo15`` does it in tiles.

Its decoder sees all frames of a tile of 256x256 pixels at once, and blends tiles where they
overlap: there are no pieces in time, so the first frame is there when the last is. Its attention
makes a mask of all latents by all latents of a tile: without tiles that of 848x480 would take 5 GB.
Written against diffusers 0.42.1, models/autoencoders/autoencoder_kl_hunyuanvideo15.py.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import common.runtime.libraries  # noqa: F401

import numpy as np
import torch
from numpy.typing import NDArray

from common.contract import JobContext, Phase
from common.runtime.devices import memory_errors
from common.runtime.sampling import to_uint8

CHUNK = 12
"""Frames that are handed out at a time."""

_USED = ("tile_latent_min_height", "tile_latent_min_width", "tile_overlap_factor")


def prepare_decoder(vae: Any) -> None:
    """Let it make tiles.

    Raises:
        RuntimeError: diffusers has changed; told at loading, not after an hour of denoising.
    """
    missing = [name for name in _USED if not hasattr(vae, name)]
    if missing:
        raise RuntimeError(f"AutoencoderKLHunyuanVideo15 has changed: it has no {missing}")
    vae.enable_tiling()


@torch.no_grad()
def decode(vae: Any, latents: torch.Tensor, context: JobContext) -> Iterator[NDArray[np.uint8]]:
    """Yield uint8 chunks [T, H, W, 3] of at most 12 frames.

    Args:
        vae: an ``AutoencoderKLHunyuanVideo15``, prepared.
        latents: as the transformer has them, shape [1, 32, T', H', W'].
        context: told of every tile, asked behind it.

    Raises:
        GenerationFailed: the video holds NaN.
        OutOfMemory: a tile did not fit.
    """
    tiles = num_tiles(vae, latents.shape[-2], latents.shape[-1])
    context.progress(Phase.DECODING, 0, tiles)
    context.raise_if_cancelled()
    with memory_errors(), _telling_of_each_tile(vae, context, tiles):
        scaled = latents.to(vae.device, vae.dtype) / vae.config.scaling_factor
        video = vae.decode(scaled, return_dict=False)[0]
    for chunk in video.split(CHUNK, dim=2):
        yield to_uint8(chunk)
        context.raise_if_cancelled()


def num_tiles(vae: Any, height: int, width: int) -> int:
    """Tiles of latents of this height and width: one where they are no larger than a tile."""
    tall, wide = vae.tile_latent_min_height, vae.tile_latent_min_width
    if height <= tall and width <= wide:
        return 1
    share = 1 - vae.tile_overlap_factor
    return math.ceil(height / int(tall * share)) * math.ceil(width / int(wide * share))


@contextmanager
def _telling_of_each_tile(vae: Any, context: JobContext, tiles: int) -> Iterator[None]:
    """A tile of 121 frames may take half a minute, so no more than one is waited for."""
    numbers = count(1)

    def tell(*_: object) -> None:
        context.progress(Phase.DECODING, next(numbers), tiles)
        context.raise_if_cancelled()

    handle = vae.decoder.register_forward_hook(tell)
    try:
        yield
    finally:
        handle.remove()
