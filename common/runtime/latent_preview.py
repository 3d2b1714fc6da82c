"""A look at latents before they are decoded: each of their pixels becomes one colour.

Colours are nearly a linear function of a video VAE's channels. The function is not written down
here: it is fitted to the VAE at hand, by least squares, on a card of colours that the VAE encodes
once. So it suits every checkpoint, and costs one picture's encoding.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

RIDGE = 1e-3
"""Keeps the fit bounded where a VAE has more channels than the card has different colours."""
PATCHES = 16
"""The card has so many patches of colour on each side, blended into each other."""

_fitted: "WeakKeyDictionary[Any, LatentColours]" = WeakKeyDictionary()
"""By VAE, for as long as that is in memory: a fit is worth seconds, and jobs share it."""


@dataclass(frozen=True)
class LatentColours:
    """The linear map: ``weights`` [3, C] and ``bias`` [3], float32, to colours in [-1, 1]."""

    weights: torch.Tensor
    bias: torch.Tensor

    def picture(self, latents: torch.Tensor) -> NDArray[np.uint8]:
        """The middle frame of latents [1, C, T, H, W] as RGB [H, W, 3].

        All is done where the latents are; a few kilobytes cross to the CPU.
        """
        frame = latents[0, :, latents.shape[2] // 2].float()
        weights, bias = self.weights.to(frame.device), self.bias.to(frame.device)
        colours = torch.einsum("kc,chw->hwk", weights, frame) + bias
        pixels = ((colours.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
        return pixels.cpu().numpy()


class LatentPreview:
    """Makes pictures of one VAE's latents; ``fit`` is called for the first of them."""

    def __init__(self, fit: Callable[[], LatentColours]) -> None:
        self._fit = fit
        self._colours: LatentColours | None = None

    def __call__(self, latents: torch.Tensor) -> NDArray[np.uint8]:
        """See ``LatentColours.picture``."""
        if self._colours is None:
            self._colours = self._fit()
        return self._colours.picture(latents)


@torch.no_grad()
def fit_colours(
    encode: Callable[[torch.Tensor], torch.Tensor], side: int, device: torch.device
) -> LatentColours:
    """Fit the map to what ``encode`` makes of the card.

    Args:
        encode: pixels [1, 3, 1, side, side] in [-1, 1], float32, to latents [1, C, 1, h, w] as the
            denoiser sees them.
        side: of the card in pixels; many more latent pixels than channels should come of it.
        device: where ``encode`` wants the pixels.
    """
    card = colour_card(side).to(device)
    latents = encode(card[None, :, None])[0, :, 0].double().cpu()
    height, width = latents.shape[-2:]
    colours = functional.adaptive_avg_pool2d(card.cpu(), (height, width)).double()
    ones = torch.ones_like(latents[:1])
    known = torch.cat([latents, ones]).flatten(1)  # [C + 1, h * w]
    scale = known.square().mean() * known.shape[1]
    square = known @ known.T + RIDGE * scale * torch.eye(len(known), dtype=known.dtype)
    solved = torch.linalg.solve(square, known @ colours.flatten(1).T).T.float()
    return LatentColours(solved[:, :-1], solved[:, -1])


def colour_card(side: int) -> torch.Tensor:
    """Colours all over the cube, the same every time: [3, side, side] in [-1, 1]."""
    generator = torch.Generator("cpu").manual_seed(0)
    patches = torch.rand(1, 3, PATCHES, PATCHES, generator=generator) * 2 - 1
    size = (side, side)
    return functional.interpolate(patches, size, mode="bilinear", align_corners=False)[0]


def causal_vae_preview(vae: Any, side: int = 256) -> LatentPreview:
    """Of an ``AutoencoderKLWan``, whose latents are normalised by channel; fitted once to each."""

    def encode(pixels: torch.Tensor) -> torch.Tensor:
        latents = vae.encode(pixels.to(vae.dtype)).latent_dist.mode().float()
        mean, std = (
            torch.tensor(values, device=latents.device).view(1, -1, 1, 1, 1)
            for values in (vae.config.latents_mean, vae.config.latents_std)
        )
        normalised: torch.Tensor = (latents - mean) / std
        return normalised

    def fit() -> LatentColours:
        if vae not in _fitted:
            _fitted[vae] = fit_colours(encode, side, vae.device)
        return _fitted[vae]

    return LatentPreview(fit)
