"""What a clip shows, found by looking: the colour, the shape and the way of what moves in it."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scripts.shapes.scenes import (
    GREY,
    RGB,
    STEPS,
    Background,
    Colour,
    Direction,
    Path,
    Scene,
    Shape,
    coverage,
)

STILL_BELOW = 0.5
"""Pixels a frame, half of what is slow."""
CONTRAST = 40.0
"""How far from the background a pixel's colour is that belongs to the shape, of 442."""


@dataclass(frozen=True)
class Found:
    """What was found; the likest of each, with what tells how like it is."""

    shape: Shape
    colour: Colour
    direction: Direction
    background: Background
    overlap: float
    """Of the shape with a drawn one of the same area: 1 is all."""
    distance: float
    """Of its colour to the one that is named, in RGB."""
    pixels_a_frame: float
    centres: NDArray[np.float64]
    """[T, 2], x and y of its middle."""

    def shows(self, scene: Scene, *parts: str) -> bool:
        """Whether ``shape``, ``colour``, ``direction`` or ``background`` are the scene's."""
        return all(getattr(self, part) is getattr(scene, part) for part in parts)

    def __str__(self) -> str:
        still = self.direction is Direction.STILL
        moving = "standing still" if still else f"moving {self.direction}"
        return f"{self.colour} {self.shape}, {moving}"


def look(frames: NDArray[np.uint8]) -> Found | None:
    """Look at RGB frames [T, H, W, 3]; None where nothing stands out from the background."""
    pixels = frames.astype(np.float64)
    edge = np.concatenate([pixels[:, [0, -1]].reshape(-1, 3), pixels[:, :, [0, -1]].reshape(-1, 3)])
    behind = np.median(edge, axis=0)
    inside = np.linalg.norm(pixels - behind, axis=-1) > CONTRAST
    if not inside.any(axis=(1, 2)).all() or inside.mean() > 0.5:
        return None
    centres = np.array([_middle(mask) for mask in inside])
    colour = np.median(pixels[_heart(inside, centres)], axis=0)
    named = min(RGB, key=lambda name: float(np.linalg.norm(colour - RGB[name])))
    shape, overlap = _likest(inside, centres)
    way = _way(centres)
    return Found(
        shape=shape,
        colour=named,
        direction=_direction(way),
        background=min(GREY, key=lambda name: abs(GREY[name] - float(behind.mean()))),
        overlap=overlap,
        distance=float(np.linalg.norm(colour - RGB[named])),
        pixels_a_frame=float(np.hypot(*way)),
        centres=centres,
    )


def _middle(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    rows, columns = np.nonzero(mask)
    return np.array([columns.mean() + 0.5, rows.mean() + 0.5])


def _heart(inside: NDArray[np.bool_], centres: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Pixels near the shape's middle, where no edge blends with what is behind."""
    rows, columns = np.mgrid[0.5 : inside.shape[1], 0.5 : inside.shape[2]]
    x, y = columns - centres[:, 0, None, None], rows - centres[:, 1, None, None]
    radius = math.sqrt(inside.mean(axis=0).sum() / math.pi)
    near: NDArray[np.bool_] = inside & (np.hypot(x, y) < radius / 2)
    return near if near.any() else inside


def _likest(inside: NDArray[np.bool_], centres: NDArray[np.float64]) -> tuple[Shape, float]:
    """Each shape is drawn where this one is, as large as it is; the one that covers it best."""
    overlaps = {shape: _overlap(inside, centres, shape) for shape in Shape}
    best = max(overlaps, key=lambda shape: overlaps[shape])
    return best, overlaps[best]


def _overlap(inside: NDArray[np.bool_], centres: NDArray[np.float64], shape: Shape) -> float:
    """Intersection over union of all frames."""
    area = inside.sum() / len(inside)
    unit = Path(20.0, np.array([[50.0, 50.0]]))
    drawn = coverage(shape, unit, (1, 100, 100))[0] > 0.5
    radius = 20.0 * math.sqrt(area / drawn.sum())
    middles = centres - (_middle(drawn) - 50.0) * radius / 20.0
    other = coverage(shape, Path(radius, middles), inside.shape) > 0.5
    return float((inside & other).sum() / (inside | other).sum())


def _way(centres: NDArray[np.float64]) -> NDArray[np.float64]:
    """Pixels a frame in x and y, by least squares over all frames."""
    if len(centres) < 2:
        return np.zeros(2)
    times = np.arange(len(centres)) - (len(centres) - 1) / 2
    return np.asarray(times @ (centres - centres.mean(axis=0)) / (times @ times))


def _direction(way: NDArray[np.float64]) -> Direction:
    if np.hypot(*way) < STILL_BELOW:
        return Direction.STILL
    return max(STEPS, key=lambda name: float(np.dot(STEPS[name], way)))
