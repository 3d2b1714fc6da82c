"""Tries a product of FP8 matrices before a model depends on it, as attention backends are tried.

A chip may have the units and torch no kernel for them with a scale for each row, or one that
answers wrongly: neither shows before the first step, minutes after the load began.
"""

from collections.abc import Callable

import torch
from torch import nn

from common.runtime.linear_torchao import quantize_fp8_compute

TOLERANCE = 0.1
"""Largest relative error of a token's output. With a scale for each row it is below 0.05; with one
for all rows the token that stands out takes the others to 0.15."""

TOKENS = 333
"""No multiple of a kernel's block: the last, partly filled block is where kernels go wrong."""
IN_FEATURES, OUT_FEATURES = 1024, 272
"""The second is a multiple of 16 and of no power of two above it."""
OUTLIER = 1e5
"""What one channel of one token is, in standard deviations of the others: as far as trained
transformers go (massive activations, arXiv 2402.17762)."""
SEED = 1


def why_not_products(
    device: torch.device,
    quantize: Callable[[nn.Linear], nn.Module] = quantize_fp8_compute,
) -> str | None:
    """What is wrong with FP8 products on ``device``, in words for a person; None: nothing.

    Takes milliseconds. ``quantize`` makes the layer that is tried.
    """
    try:
        error = _worst_error(device, quantize)
    except Exception as exc:  # kernels fail in ways of their own, not ours to tell apart
        return f"its products fail on this device ({type(exc).__name__})"
    if error <= TOLERANCE:  # NaN is not
        return None
    return f"its products are wrong on this device (relative error {error:.2g})"


@torch.no_grad()
def _worst_error(device: torch.device, quantize: Callable[[nn.Linear], nn.Module]) -> float:
    """Of a token, against float32 on the CPU: the same on every device."""
    source = torch.Generator("cpu").manual_seed(SEED)
    linear = nn.Linear(IN_FEATURES, OUT_FEATURES).bfloat16()
    for parameter in linear.parameters():
        parameter.normal_(std=IN_FEATURES**-0.5, generator=source)
    tokens = torch.randn(TOKENS, IN_FEATURES, generator=source).bfloat16()
    tokens[TOKENS // 2, 0] = OUTLIER
    ours = quantize(linear.to(device))(tokens.to(device)).cpu().float()
    exact = linear.cpu().float()(tokens.float())
    return float(((ours - exact).norm(dim=-1) / exact.norm(dim=-1)).max())
