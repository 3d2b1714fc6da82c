"""What conditions the transformer: the timestep, the size of a step, the caption.

Everything here runs in float32, whatever the rest of the model is in.
Source: SandAI-org/MAGI-1, inference/model/dit/dit_module.py and dit_model.py.
"""

import math

import torch
from torch import nn

_FREQUENCIES = 256
_MAX_PERIOD = 10000
_TIME_SCALE = 1000
"""Timesteps run from 0 to 1; the sinusoids were made for 0 to 1000."""


def sinusoids(t: torch.Tensor) -> torch.Tensor:
    """Cosines, then sines of a timestep at 128 frequencies: [N] to float32 [N, 256]."""
    half = _FREQUENCIES // 2
    exponent = -math.log(_MAX_PERIOD) * torch.arange(half, dtype=torch.float32) / half
    frequencies = exponent.exp().to(t.device)
    angles = t[:, None].float() * frequencies[None] * _TIME_SCALE
    return torch.cat([angles.cos(), angles.sin()], dim=-1)


class MagiTimeEmbedding(nn.Module):
    """Embeds a timestep; distilled models add the embedding of their steps' size to it."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.linear_1 = nn.Linear(_FREQUENCIES, dim)
        self.linear_2 = nn.Linear(dim, dim)

    def forward(self, t: torch.Tensor, step_size: float | None, dtype: torch.dtype) -> torch.Tensor:
        """Timesteps [B, N] to [B, N, dim].

        ``dtype`` is the one of the model's blocks: the official code rounds the sinusoids to it
        before its float32 layers.
        """
        embedded = self._embed(t.flatten(), dtype)
        if step_size is not None:
            embedded = embedded + self._embed(torch.full_like(t.flatten(), step_size), dtype)
        return torch.unflatten(embedded, 0, t.shape)

    def _embed(self, t: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        hidden = nn.functional.silu(self.linear_1(sinusoids(t).to(dtype).float()))
        embedded: torch.Tensor = self.linear_2(hidden)
        return embedded


class MagiCaptionEmbedding(nn.Module):
    """Embeds captions for cross-attention, and holds the learned null caption.

    The blocks' gates do not see the text: they get the last but one row of the null caption where
    there is a text, and its last row where there is none (guidance's unconditional passes).
    """

    def __init__(self, channels: int, max_length: int, text_dim: int, condition_dim: int) -> None:
        super().__init__()
        self.null_caption = nn.Parameter(torch.zeros(max_length, channels))
        self.text_proj = nn.Linear(channels, text_dim)
        self.condition_proj = nn.Linear(channels, condition_dim)

    def forward(self, caption: torch.Tensor) -> torch.Tensor:
        """Tokens [L, channels] to what cross-attention reads, [L, text_dim]."""
        return nn.functional.silu(self.text_proj(caption.float()))

    def condition(self, *, conditional: bool) -> torch.Tensor:
        """What is added to the embedded timestep, [condition_dim]."""
        row: torch.Tensor = self.condition_proj(self.null_caption[-2 if conditional else -1])
        return row
