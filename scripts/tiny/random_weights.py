"""Random weights by key and shape."""

from collections.abc import Mapping

import numpy as np
import torch

Shape = tuple[int, ...]


def random_weights(shapes: Mapping[str, Shape]) -> dict[str, torch.Tensor]:
    """Matrices that keep the size of what goes through; small numbers elsewhere."""
    return {key: torch.randn(shape) * _deviation(shape) for key, shape in shapes.items()}


def _deviation(shape: Shape) -> float:
    fan_in = int(np.prod(shape[1:]))
    return fan_in**-0.5 if len(shape) > 1 else 0.02


def norm(name: str, dim: int) -> dict[str, Shape]:
    """Keys of a norm: a weight and a bias."""
    return {f"{name}.weight": (dim,), f"{name}.bias": (dim,)}
