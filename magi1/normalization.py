"""The layer normalization, the soft cap and the feed-forward block of MAGI-1."""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn


class MagiLayerNorm(nn.LayerNorm):
    """A layer norm that runs in its weights' number format; they may be stored around zero.

    Source: ``FusedLayerNorm`` in SandAI-org/MAGI-1, inference/model/dit/dit_module.py.
    """

    def __init__(self, dim: int, eps: float, *, zero_centered: bool) -> None:
        super().__init__(dim, eps=eps)
        self.zero_centered = zero_centered

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Normalize the last axis; any shape [..., dim]."""
        weight = self.weight + 1 if self.zero_centered else self.weight
        return F.layer_norm(x, self.normalized_shape, weight, self.bias, self.eps)


class HighPrecisionLinear(nn.Linear):
    """A linear layer without bias whose sums are kept in float32, whatever its weights are.

    The official code casts input and weights to float32 for this product. Products of bfloat16
    numbers are exact in float32, so on a GPU the matrix units give the same precision from the
    bfloat16 numbers themselves, without a float32 copy of the weights.
    """

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__(in_features, out_features, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Shape [..., in] of any float format to float32 [..., out]."""
        if x.is_cuda and x.dtype == self.weight.dtype and x.dtype != torch.float32:
            rows = x.reshape(-1, self.in_features)
            product = torch.mm(rows, self.weight.t(), out_dtype=torch.float32)
            return product.view(*x.shape[:-1], self.out_features)
        return F.linear(x.float(), self.weight.float())


def softcap(x: torch.Tensor, cap: float = 1.0) -> torch.Tensor:
    """``cap * tanh(x / cap)`` in float32: keeps gates in (-cap, cap) (arXiv 2505.13211, 2.2)."""
    return (cap * torch.tanh(x.float() / cap)).to(x.dtype)


class MagiFeedForward(nn.Module):
    """Norm, up, activation, down: SwiGLU where ``gated`` (24B), else exact GELU (4.5B).

    Source: ``CustomMLP`` in SandAI-org/MAGI-1, inference/model/dit/dit_module.py; the gate is
    the first half of ``up``.
    """

    def __init__(self, dim: int, hidden_dim: int, eps: float, *, gated: bool) -> None:
        super().__init__()
        self.gated = gated
        self.norm = nn.LayerNorm(dim, eps=eps)
        self.up = nn.Linear(dim, hidden_dim * (2 if gated else 1), bias=False)
        self.down = nn.Linear(hidden_dim, dim, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Shape [B, S, dim] to the same."""
        x = self.up(self.norm(x))
        if self.gated:
            gate, x = x.chunk(2, dim=-1)
            x = F.silu(gate) * x
        else:
            x = F.gelu(x)
        projected: torch.Tensor = self.down(x)
        return projected
