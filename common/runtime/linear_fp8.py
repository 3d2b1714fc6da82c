"""A linear layer that keeps its weight in float8 and computes in the dtype of its input."""

from collections.abc import Mapping

import torch
from torch import nn
from torch.nn import functional

LARGEST = torch.finfo(torch.float8_e4m3fn).max
"""448; there is no infinity, anything beyond becomes NaN."""


class Fp8Linear(nn.Module):
    """``weight`` holds the bits of float8_e4m3fn [out, in], ``scale`` float32 [out, 1].

    The bits are typed int8. ``module.to(torch.bfloat16)`` casts whatever floats, float8 too; and
    the libraries take a layer's weight for a hint at the dtype to compute in, unless it is int8
    (transformers, models/umt5/modeling_umt5.py, ``wo``; diffusers, transformer_wan.py,
    ``time_embedder_dtype``).

    Scales are powers of two. Floating point loses nothing by that, and multiplying by one is
    exact: the weight can be scaled, which leaves the bias to the product's own kernel, with the
    result of scaling the product. A video has more tokens than a weight has rows, so scaling the
    product would be the slower of the two. For bfloat16 and float32: float16 lacks the range.
    """

    weight: nn.Parameter
    scale: torch.Tensor
    bias: nn.Parameter | None

    def __init__(self, bits: torch.Tensor, scale: torch.Tensor, bias: torch.Tensor | None) -> None:
        super().__init__()
        self.out_features, self.in_features = bits.shape
        self.weight = _frozen(bits.view(torch.int8))
        # A buffer: a model's dtype is told by its first parameter that floats.
        self.register_buffer("scale", scale.detach())
        self.register_parameter("bias", None if bias is None else _frozen(bias))

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        """[..., in] to [..., out], in the dtype of ``hidden_states``."""
        dtype = hidden_states.dtype
        weight = self.weight.view(torch.float8_e4m3fn).to(dtype).mul_(self.scale.to(dtype))
        bias = None if self.bias is None else self.bias.to(dtype)
        return functional.linear(hidden_states, weight, bias)

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}"


def quantize(linear: nn.Linear) -> Fp8Linear:
    """Cast row by row to the smallest power of two that makes the row fit.

    Nothing but the cast rounds, so no copy in float32 is needed on the way.
    """
    weight = linear.weight.detach()
    largest = weight.abs().amax(dim=1, keepdim=True).float()
    exponent = torch.frexp(largest / LARGEST).exponent
    scale = torch.ldexp(torch.ones_like(largest), exponent)
    bits = (weight * scale.reciprocal().to(weight.dtype)).to(torch.float8_e4m3fn)
    return Fp8Linear(bits, scale, linear.bias)


def flatten(module: nn.Module) -> dict[str, torch.Tensor]:
    """``weight`` in float8, for other readers of the file, and ``scale``."""
    bits = module.get_parameter("weight").detach()
    return {"weight": bits.view(torch.float8_e4m3fn), "scale": module.get_buffer("scale")}


def restore(tensors: Mapping[str, torch.Tensor]) -> Fp8Linear:
    """The module that ``flatten`` saw; its bias is among ``tensors``, where it has one."""
    return Fp8Linear(tensors["weight"], tensors["scale"], tensors.get("bias"))


def _frozen(tensor: torch.Tensor) -> nn.Parameter:
    return nn.Parameter(tensor.detach(), requires_grad=False)
