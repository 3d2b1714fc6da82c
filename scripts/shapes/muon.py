"""Muon: momentum whose matrices are made orthogonal (kellerjordan.github.io/posts/muon).

torch.optim.Muon takes matrices alone, and most weights here are kernels of convolutions: they are
taken as matrices of one row an output channel. What has no two sides is left to AdamW.
"""

import math
from collections.abc import Iterable

import torch

MOMENTUM = 0.95
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of the quintic iteration that brings all singular values near 1; the author's."""
ITERATIONS = 5


class Muon:
    """Both optimizers as one. ``rate`` is Muon's, ``small_rate`` AdamW's.

    ``tables`` are for AdamW too: a row of an embedding is no direction of a matrix. Each step takes
    ``decay`` times the rate off Muon's matrices, which keeps their norm below its inverse.
    """

    def __init__(
        self,
        parameters: Iterable[torch.nn.Parameter],
        rate: float,
        small_rate: float,
        tables: Iterable[torch.nn.Parameter] = (),
        decay: float = 0.0,
    ) -> None:
        self._rates, self._decay = (rate, small_rate), decay
        self._all = list(parameters)
        left = {id(each) for each in tables}
        left |= {id(each) for each in self._all if each.ndim < 2 or min(_sides(each)) == 1}
        self._large = [each for each in self._all if id(each) not in left]
        small = [each for each in self._all if id(each) in left]
        self._momenta = [torch.zeros_like(each) for each in self._large]
        self._adam = torch.optim.AdamW(small, small_rate, betas=(0.9, 0.99), weight_decay=0.0)

    @torch.no_grad()
    def step(self, share: float) -> None:
        """One step of both, at this share of their rates; gradients are gone afterwards."""
        torch.nn.utils.clip_grad_norm_(self._all, 1.0)
        rate, small_rate = (share * each for each in self._rates)
        for parameter, momentum in zip(self._large, self._momenta, strict=True):
            if parameter.grad is not None:
                momentum.lerp_(parameter.grad, 1 - MOMENTUM)
                change = orthogonal(parameter.grad.lerp(momentum, MOMENTUM).flatten(1))
                rows, columns = change.shape
                scale = max(1.0, rows / columns) ** 0.5
                parameter.mul_(1 - rate * self._decay)
                parameter.sub_(change.view_as(parameter), alpha=rate * scale)
        self._adam.param_groups[0]["lr"] = small_rate
        self._adam.step()
        for parameter in self._all:
            parameter.grad = None


def rate(step: int, steps: int) -> float:
    """Of the learning rate: up over 50 steps, down by half a cosine."""
    return min(1.0, step / 50) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / steps)))


def orthogonal(matrix: torch.Tensor) -> torch.Tensor:
    """Nearly the closest matrix whose singular values are all the same, 1."""
    wide = matrix.T if matrix.shape[0] > matrix.shape[1] else matrix
    found = (wide / (wide.norm() + 1e-9)).bfloat16()
    first, third, fifth = COEFFICIENTS
    for _ in range(ITERATIONS):
        square = found @ found.T
        found = first * found + (third * square + fifth * square @ square) @ found
    return (torch.t(found) if wide is not matrix else found).to(matrix.dtype)


def _sides(parameter: torch.Tensor) -> tuple[int, int]:
    return parameter.shape[0], parameter[0].numel()
