"""An average of weights over the steps of a training, which is better than the last of them."""

from collections.abc import Iterable

import torch


class Average:
    """Of parameters, always given in the same order; the older values fade."""

    def __init__(self, parameters: Iterable[torch.Tensor], decay: float = 0.995) -> None:
        self._decay = decay
        self._steps = 0
        self._weights = [each.detach().clone() for each in parameters]

    @torch.no_grad()
    def add(self, parameters: Iterable[torch.Tensor]) -> None:
        """Take in the weights as they are now."""
        self._steps += 1
        decay = min(self._decay, self._steps / (self._steps + 10))
        for mean, now in zip(self._weights, parameters, strict=True):
            mean.lerp_(now.detach(), 1 - decay)

    @torch.no_grad()
    def swap(self, parameters: Iterable[torch.Tensor]) -> None:
        """Let parameters have the averages as values, and keep theirs. Twice is not at all."""
        for mean, now in zip(self._weights, parameters, strict=True):
            kept = now.detach().clone()
            now.copy_(mean)
            mean.copy_(kept)
