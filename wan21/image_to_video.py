"""Image to video as its authors condition it: CLIP is shown the whole picture."""

from collections.abc import Sequence
from typing import Any

import common.runtime.libraries  # noqa: F401

import numpy as np
import torch
from diffusers import WanImageToVideoPipeline
from PIL.Image import Image
from torch.nn import functional


class WholePicturePipeline(WanImageToVideoPipeline):  # type: ignore[misc]  # untyped base
    """diffusers' pipeline, but for what CLIP sees.

    The checkpoint's own processor cuts the centre out of a picture: of 832x480 pixels, 42 % were
    never seen.
    """

    def encode_image(
        self, image: Image | Sequence[Image], device: torch.device | None = None
    ) -> torch.Tensor:
        """Features [pictures, 257, D] of CLIP's layer before the last."""
        pictures = [image] if isinstance(image, Image) else list(image)
        encoder = self.image_encoder
        pixels = squeezed(pictures, encoder.config.image_size, self.image_processor)
        pixels = pixels.to(encoder.device, encoder.dtype)
        states = encoder(pixel_values=pixels, output_hidden_states=True).hidden_states
        features: torch.Tensor = states[-2].to(device or self._execution_device)
        return features


def squeezed(pictures: Sequence[Image], side: int, processor: Any) -> torch.Tensor:
    """Whole pictures in CLIP's square and its colours: float32 [pictures, 3, side, side].

    Bicubic and without a filter against aliasing, as in Wan-Video/Wan2.1, wan/modules/clip.py,
    ``CLIPModel.visual``.

    Args:
        pictures: RGB, of any sizes.
        side: of the square, in pixels.
        processor: has the ``image_mean`` and ``image_std`` of the three colours, in [0, 1].
    """
    mean, std = (
        torch.tensor(colours).view(1, 3, 1, 1)
        for colours in (processor.image_mean, processor.image_std)
    )
    squares = [_square(picture, side) for picture in pictures]
    return (torch.cat(squares) - mean) / std


def _square(picture: Image, side: int) -> torch.Tensor:
    pixels = torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None].float() / 255
    return functional.interpolate(pixels, (side, side), mode="bicubic", align_corners=False)
