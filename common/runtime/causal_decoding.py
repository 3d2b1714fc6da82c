"""Decodes a causal VAE's latents a few frames at a time, exactly as it would decode them at once.

``AutoencoderKLWan`` decodes latent frame by latent frame already, carrying the last frames of
every causal convolution along, but hands out the video as a whole. The same loop here hands
out each piece. It was written against diffusers 0.42.1, models/autoencoders/
autoencoder_kl_wan.py, ``_decode``; it can go once diffusers decodes into an iterator.
"""

import inspect
from collections.abc import Iterator
from typing import Any

import common.runtime.libraries  # noqa: F401

import numpy as np
import torch
from diffusers.models.autoencoders.autoencoder_kl_wan import WanCausalConv3d, unpatchify
from numpy.typing import NDArray

from common.contract import JobContext, Phase
from common.runtime.acceleration import fit_decoder
from common.runtime.available import available_bytes
from common.runtime.devices import memory_errors
from common.runtime.sampling import to_uint8


def check_decoder(vae: Any) -> None:
    """Find out at loading, not after an hour of denoising, that diffusers has changed.

    Raises:
        RuntimeError: the VAE's decoder no longer takes its cache as an argument.
    """
    taken = set(inspect.signature(vae.decoder.forward).parameters)
    missing = {"feat_cache", "feat_idx", "first_chunk"} - taken
    if missing:
        raise RuntimeError(f"AutoencoderKLWan has changed: its decoder takes no {sorted(missing)}")


@torch.no_grad()
def decode(
    vae: Any,
    latents: torch.Tensor,
    context: JobContext,
    *,
    needed_bytes: int,
    headroom: float = 1.0,
    available: int | None = None,
) -> Iterator[NDArray[np.uint8]]:
    """Yield uint8 chunks [T, H, W, 3]: the first of one frame, the others of four.

    Where that would not fit, tiles are decoded, and the video comes as one chunk.

    Args:
        vae: an ``AutoencoderKLWan``.
        latents: normalised, shape [1, C, T', H', W'].
        context: told after every latent frame, asked before.
        needed_bytes: estimate of decoding without tiles.
        headroom: how many times the bare count that is.
        available: bytes that it may take; what the device has when the first chunk is drawn,
            where it is left out.

    Raises:
        GenerationFailed: the video holds NaN.
        OutOfMemory: a chunk did not fit.
    """
    room = available_bytes(vae.device, headroom) if available is None else available
    tiles = fit_decoder(vae, needed_bytes, room)
    steps = 1 if tiles else latents.shape[2]
    context.progress(Phase.DECODING, 0, steps)
    context.raise_if_cancelled()
    with memory_errors():
        pieces = _tiled if tiles else _pieces
        for step, chunk in enumerate(pieces(vae, _denormalized(vae, latents)), start=1):
            frames = to_uint8(chunk)
            context.progress(Phase.DECODING, step, steps)
            yield frames
            context.raise_if_cancelled()


def _denormalized(vae: Any, latents: torch.Tensor) -> torch.Tensor:
    """Undo the normalisation by channel, in the VAE's number format and the pipeline's order."""
    latents = latents.to(vae.device, vae.dtype)
    mean, std = (
        torch.tensor(values).view(1, -1, 1, 1, 1)
        for values in (vae.config.latents_mean, vae.config.latents_std)
    )
    inverse_std = 1.0 / std.to(latents)
    return latents / inverse_std + mean.to(latents)


def _tiled(vae: Any, latents: torch.Tensor) -> Iterator[torch.Tensor]:
    """Tiles are decoded one after the other over the whole length: there are no pieces."""
    try:
        video = vae.decode(latents, return_dict=False)[0]
    finally:
        vae.disable_tiling()  # the next job may encode a picture before it comes here
    yield video


def _pieces(vae: Any, latents: torch.Tensor) -> Iterator[torch.Tensor]:
    """Shape [1, 3, T, H, W] in [-1, 1]; together they are ``vae.decode(latents)``."""
    # A cache of our own: the VAE's is shared, and an image-to-video encode would clear it.
    cache = [None] * sum(isinstance(module, WanCausalConv3d) for module in vae.decoder.modules())
    hidden = vae.post_quant_conv(latents)
    for index in range(hidden.shape[2]):
        frame = hidden[:, :, index : index + 1]
        piece = vae.decoder(frame, feat_cache=cache, feat_idx=[0], first_chunk=index == 0)
        if vae.config.patch_size is not None:
            piece = unpatchify(piece, patch_size=vae.config.patch_size)
        yield piece.clamp(-1.0, 1.0)
