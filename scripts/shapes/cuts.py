"""Small clips for an autoencoder: a shape of any colour on any grey, also half outside."""

from typing import Any

import common.runtime.libraries  # noqa: F401

import numpy as np
import torch

from scripts.shapes.scenes import (
    PIXELS_A_FRAME,
    RGB,
    STEPS,
    Direction,
    Path,
    Shape,
    Speed,
    any_of,
    coverage,
)

EDGE_WEIGHT = 8.0
"""How much more a pixel counts that a shape covers, or covered in part: most others are plain."""


def cuts(
    size: tuple[int, int, int], chance: np.random.Generator, number: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Clips [B, 3, T, H, W] in [-1, 1], and how much each pixel counts, [B, 1, T, H, W]."""
    pairs = [_cut(size, chance) for _ in range(number)]
    clips, weights = (torch.from_numpy(np.stack(each)) for each in zip(*pairs, strict=True))
    return clips.float(), weights.float()


def _cut(
    size: tuple[int, int, int], chance: np.random.Generator
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    num_frames, height, width = size
    shape, direction = any_of(Shape, chance), any_of(Direction, chance)
    speed = any_of(Speed, chance)
    times = np.arange(num_frames) - (num_frames - 1) / 2
    way = np.array(STEPS[direction]) * PIXELS_A_FRAME[speed] * times[:, None]
    middle = np.array([width, height]) * chance.uniform(0.1, 0.9, 2)
    inside = coverage(shape, Path(chance.uniform(13, 21), middle + way), size)
    colour, behind = _colours(chance)
    clip = behind[:, None, None, None] + inside * (colour - behind)[:, None, None, None]
    return clip / 127.5 - 1, 1 + EDGE_WEIGHT * (inside > 0)[None]


def _colours(chance: np.random.Generator) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Of a shape and of what is behind it."""
    named = chance.random() < 0.6
    colour = (
        list(RGB.values())[int(chance.integers(len(RGB)))] if named else chance.uniform(0, 255, 3)
    )
    grey = chance.choice([0, 112, 255]) if chance.random() < 0.8 else chance.uniform(0, 255)
    return np.array(colour, np.float64), np.full(3, float(grey))
