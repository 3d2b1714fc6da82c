"""Rotary position embedding on three axes, with learned frequencies.

Source: ``LearnableRotaryEmbeddingCat`` in SandAI-org/MAGI-1, inference/model/dit/dit_module.py,
and ``get_embedding_and_meta`` in dit_model.py.
"""

import math

import torch
from torch import nn

_REFERENCE_AREA = 16 * 16
"""Patches of the picture whose positions are taken as they are: 256 x 256 pixels."""

Rotary = tuple[torch.Tensor, torch.Tensor]
"""Cosines and sines, float32, each of shape [S, 3 * bands]."""


class MagiRotaryEmbedding(nn.Module):
    """The same ``bands`` (radians per position) serve time, height and width."""

    def __init__(self, num_bands: int) -> None:
        super().__init__()
        self.bands = nn.Parameter(torch.ones(num_bands))

    def forward(self, first_frame: int, frames: int, height: int, width: int) -> Rotary:
        """Angles of ``frames * height * width`` patches, time outermost.

        Time counts from the video's first latent frame. Height and width are centred, and scaled
        so that every size spans about the area of the reference.
        """
        device = self.bands.device
        scale = math.sqrt(height * width / _REFERENCE_AREA)
        axes = (
            torch.arange(first_frame, first_frame + frames, dtype=torch.float32, device=device),
            _centred(height, scale, device),
            _centred(width, scale, device),
        )
        grid = torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1)
        angles = (grid.unsqueeze(-1) * self.bands.float()).reshape(frames * height * width, -1)
        return angles.cos(), angles.sin()


def _centred(length: int, scale: float, device: torch.device) -> torch.Tensor:
    """Positions of one spatial axis: 0 in the middle, ``length / scale - 1`` from end to end."""
    positions = torch.arange(length, dtype=torch.float32, device=device) - (length - 1) / 2
    if length == 1:
        return positions
    return positions / (length - 1) * (length / scale - 1)


def apply_rotary(x: torch.Tensor, rotary: Rotary) -> torch.Tensor:
    """Turn the first ``6 * bands`` channels of each head; the others have no position.

    The channel i is paired with i + 3 * bands (the GPT-NeoX order).

    Args:
        x: shape [B, S, heads, head_dim], float32.
        rotary: of the same S.
    """
    cos, sin = (part[:, None, :] for part in rotary)
    half = cos.shape[-1]
    first, second, rest = x[..., :half], x[..., half : 2 * half], x[..., 2 * half :]
    turned = (first * cos - second * sin, second * cos + first * sin)
    return torch.cat([*turned, rest], dim=-1)
