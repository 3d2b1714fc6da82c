"""A look at LTX-2's latents before they are decoded."""

import common.runtime.libraries  # noqa: F401

import torch
from diffusers import LTX2Pipeline

from common.runtime.latent_preview import LatentPreview, fit_colours

CARD_SIDE = 512
"""Pixels: 16 x 16 latents, two for each of the 128 channels."""


def latent_preview(pipeline: LTX2Pipeline) -> LatentPreview:
    """For latents as ``unpack_latents`` gives them, normalised."""
    vae = pipeline.vae

    def encode(pixels: torch.Tensor) -> torch.Tensor:
        latents = vae.encode(pixels.to(vae.dtype)).latent_dist.mode().float()
        normalised: torch.Tensor = pipeline._normalize_latents(
            latents, vae.latents_mean, vae.latents_std, vae.config.scaling_factor
        )
        return normalised

    return LatentPreview(lambda: fit_colours(encode, CARD_SIDE, vae.device))
