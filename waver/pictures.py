"""Image to video for several pictures at once, which diffusers' pipeline cannot do.

Given a list of generators it repeats all pictures for each of them (diffusers 0.42.1,
pipelines/wan/pipeline_wan_i2v.py, ``prepare_latents``). Here each clip is prepared as it would be
alone: its own noise, its own picture through the VAE.
"""

from collections.abc import Sequence
from typing import Any

import common.runtime.libraries  # noqa: F401

import numpy as np
import torch
from diffusers import WanImageToVideoPipeline
from numpy.typing import NDArray


class PicturesPipeline(WanImageToVideoPipeline):  # type: ignore[misc]  # torch is skipped
    """One picture a clip. For ``expand_timesteps`` alone: else there is no mask."""

    def prepare_latents(
        self, image: torch.Tensor, batch_size: int, *sizes: Any
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Noise, condition and mask, [B, C, T, H, W] but the mask, which is the same for all.

        Args:
            image: [B, 3, H, W].
            batch_size: as many as there are pictures and generators.
            sizes: the other arguments of ``WanImageToVideoPipeline.prepare_latents``, in order.
        """
        *before, generators, latents, last_image = sizes
        pairs = zip(image.chunk(batch_size), generators, strict=True)
        clips = [
            super(PicturesPipeline, self).prepare_latents(
                picture, 1, *before, generator, latents, last_image
            )
            for picture, generator in pairs
        ]
        noise, conditions, masks = zip(*clips, strict=True)
        return torch.cat(noise), torch.cat(conditions), masks[0]


def as_tensor(pictures: Sequence[NDArray[np.uint8]]) -> torch.Tensor:
    """Pictures [H, W, 3] as diffusers takes several: float32 [B, 3, H, W] in [0, 1]."""
    stacked = np.stack(pictures).astype(np.float32) / 255.0
    return torch.from_numpy(stacked).permute(0, 3, 1, 2)
