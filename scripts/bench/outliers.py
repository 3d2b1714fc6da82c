"""Inputs as trained transformers have them: a few tokens and channels far larger than the rest."""

import torch

from common.runtime.linear_torchao import SMALLEST

CHANNELS = 0.01
"""Share of the channels that are ``CHANNEL_SCALE`` times as large in every token, as in trained
language models (arXiv 2208.07339)."""
CHANNEL_SCALE = 10.0
TOKENS = (3, 11)
"""Which tokens have massive activations (arXiv 2402.17762): in the first ``MASSIVE_CHANNELS`` of
the outlier channels, ``MASSIVE`` standard deviations. It makes them 31 times as long as others."""
MASSIVE = 1000.0
MASSIVE_CHANNELS = 4
SEED = 11

RATIOS = (1.0, 1e3, 1e4, 3e4, 1e5, 1e6)
"""Standard deviations of the one value that stands out in a single product."""


def with_outliers(tokens: torch.Tensor) -> torch.Tensor:
    """The same with outlier channels and outlier tokens; shape [1, tokens, width]."""
    width, spread = tokens.shape[-1], float(tokens.float().std())
    order = torch.randperm(width, generator=torch.Generator().manual_seed(SEED))
    channels = order[: round(CHANNELS * width)]
    changed = tokens.clone()
    changed[..., channels] *= CHANNEL_SCALE
    for token in TOKENS:
        changed[:, token, channels[:MASSIVE_CHANNELS]] = MASSIVE * spread
    return changed


def ordinary(tokens: torch.Tensor) -> torch.Tensor:
    """All but the outlier tokens: by their length they would hide what happens to the others."""
    kept = [index for index in range(tokens.shape[1]) if index not in TOKENS]
    return tokens[:, kept]


def product_error(ratio: float, *, by_row: bool) -> float:
    """Relative error of the other tokens where one value of one token is ``ratio`` deviations.

    Both factors are cast to float8_e4m3fn, with a scale for each row or with one for all.
    """
    source = torch.Generator().manual_seed(SEED)
    weight = torch.randn(256, 1024, generator=source).bfloat16() * 1024**-0.5
    tokens = torch.randn(64, 1024, generator=source).bfloat16()
    tokens[0, 0] = ratio
    exact = tokens[1:].float() @ weight.float().T
    answer = _through_float8(tokens, by_row)[1:] @ _through_float8(weight, by_row).T
    return float((answer - exact).norm() / exact.norm())


def _through_float8(tensor: torch.Tensor, by_row: bool) -> torch.Tensor:
    from torchao.quantization import Float8Tensor, PerRow, PerTensor

    granularity = PerRow() if by_row else PerTensor()
    quantized = Float8Tensor.from_hp(tensor, torch.float8_e4m3fn, granularity, hp_value_lb=SMALLEST)
    plain: torch.Tensor = quantized.dequantize(torch.float32)
    return plain
