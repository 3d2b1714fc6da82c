"""What a clip shows, and how it is drawn: one shape on a plain background, going straight."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")


class Shape(StrEnum):
    """What moves."""

    CIRCLE = "circle"
    SQUARE = "square"
    TRIANGLE = "triangle"
    STAR = "star"


class Colour(StrEnum):
    """Its colour: ``RGB``."""

    RED = "red"
    GREEN = "green"
    BLUE = "blue"
    YELLOW = "yellow"
    PURPLE = "purple"
    TURQUOISE = "turquoise"
    ORANGE = "orange"
    """In no clip that the weights were trained on: it is there to be learnt."""


class Direction(StrEnum):
    """Where to, as seen on the picture: ``STEPS``."""

    STILL = "still"
    LEFT = "left"
    RIGHT = "right"
    UP = "up"
    DOWN = "down"
    UP_LEFT = "up left"
    UP_RIGHT = "up right"
    DOWN_LEFT = "down left"
    DOWN_RIGHT = "down right"


class Speed(StrEnum):
    """How fast: ``PIXELS_A_FRAME``."""

    SLOW = "slow"
    FAST = "fast"


class Background(StrEnum):
    """What is behind it: ``GREY``."""

    BLACK = "black"
    GREY = "grey"
    WHITE = "white"


RGB = {
    Colour.RED: (220, 30, 30),
    Colour.GREEN: (30, 160, 50),
    Colour.BLUE: (40, 70, 230),
    Colour.YELLOW: (240, 220, 30),
    Colour.PURPLE: (150, 40, 190),
    Colour.TURQUOISE: (30, 200, 210),
    Colour.ORANGE: (250, 130, 20),
}
TRAINED = tuple(colour for colour in Colour if colour is not Colour.ORANGE)
PLAINLY = (Colour.RED, Background.BLACK)
GREY = {Background.BLACK: 0, Background.GREY: 112, Background.WHITE: 255}
STEPS = {
    Direction.STILL: (0.0, 0.0),
    Direction.LEFT: (-1.0, 0.0),
    Direction.RIGHT: (1.0, 0.0),
    Direction.UP: (0.0, -1.0),
    Direction.DOWN: (0.0, 1.0),
    Direction.UP_LEFT: (-math.sqrt(0.5), -math.sqrt(0.5)),
    Direction.UP_RIGHT: (math.sqrt(0.5), -math.sqrt(0.5)),
    Direction.DOWN_LEFT: (-math.sqrt(0.5), math.sqrt(0.5)),
    Direction.DOWN_RIGHT: (math.sqrt(0.5), math.sqrt(0.5)),
}
"""Unit vectors, x to the right and y down."""
PIXELS_A_FRAME = {Speed.SLOW: 2.0, Speed.FAST: 4.0}
CORNERS = {Shape.SQUARE: 4, Shape.TRIANGLE: 3, Shape.STAR: 5}
RADIUS = {Shape.CIRCLE: 1.0, Shape.SQUARE: 1.25, Shape.TRIANGLE: 1.45, Shape.STAR: 1.5}
"""From the middle to a corner, of shapes that look equally large."""
ASIDE = 8.0
"""Pixels at most between the middle of the picture and where a way passes it, along either axis."""
BEFORE_MIDDLE = 0.25
"""Of a way. Were it half, a shape that goes left would be as often left as right of the middle, and
a model could learn nothing of a direction before it knows places, times and directions at once."""
KEPT_BACK_EVERY = 8
HOLLOW = 0.42
"""How far the inner corners of a star are from its middle, in parts of its radius."""


@dataclass(frozen=True)
class Scene:
    """What a caption may tell of a clip."""

    shape: Shape
    colour: Colour
    direction: Direction
    speed: Speed = Speed.FAST
    background: Background = Background.BLACK


@dataclass(frozen=True)
class Path:
    """What no caption tells: the size of a shape and where it is."""

    radius: float
    """Of a circle, in pixels."""
    centres: NDArray[np.float64]
    """[T, 2], x and y in pixels."""


def any_of(options: Iterable[T], chance: np.random.Generator) -> T:
    """One of them, each as likely as the others."""
    listed = list(options)
    return listed[int(chance.integers(len(listed)))]


def kept_back(shape: Shape, colour: Colour, direction: Direction) -> bool:
    """Whether a combination is in no clip that the weights are trained on: one of eight."""
    places = (
        list(Shape).index(shape),
        list(Colour).index(colour),
        list(Direction).index(direction),
    )
    return sum(a * b for a, b in zip(places, (3, 5, 1), strict=True)) % KEPT_BACK_EVERY == 0


def any_scene(chance: np.random.Generator) -> Scene:
    """One to train on."""
    while True:
        scene = Scene(
            any_of(Shape, chance),
            any_of(TRAINED, chance),
            any_of(Direction, chance),
            any_of(Speed, chance),
            any_of(Background, chance),
        )
        if not kept_back(scene.shape, scene.colour, scene.direction):
            return scene


def plain_scene(chance: np.random.Generator) -> Scene:
    """One to begin with, in one colour on one background."""
    while True:
        colour, background = PLAINLY
        scene = replace(any_scene(chance), colour=colour, background=background)
        if not kept_back(scene.shape, scene.colour, scene.direction):
            return scene


def path_of(scene: Scene, size: tuple[int, int, int], chance: np.random.Generator) -> Path:
    """A way that passes near the middle of the picture early. ``size``: num_frames, height, width.

    Shapes are large, and near the middle: what a caption tells is much beside what it does not.
    A latent sees 16 pixels; where a shape is three of them wide, its corners are lost between.
    A long way is a slower one, so that it leaves the picture nowhere.
    """
    num_frames, height, width = size
    radius = min(height, width) * chance.uniform(0.225, 0.245)
    steps = np.array(STEPS[scene.direction]) * PIXELS_A_FRAME[scene.speed]
    way = steps * (np.arange(num_frames) - BEFORE_MIDDLE * (num_frames - 1))[:, None]
    most = np.array([width, height]) / 2 - RADIUS[scene.shape] * radius
    way *= np.min(most / np.maximum(np.abs(way).max(axis=0), most))
    reach = np.abs(way).max(axis=0) + RADIUS[scene.shape] * radius
    room = np.clip(np.array([width, height]) / 2 - reach, 0, ASIDE)
    middle = np.array([width, height]) / 2 + chance.uniform(-room, room)
    return Path(radius, middle + way)


def draw(scene: Scene, path: Path, size: tuple[int, int, int]) -> NDArray[np.uint8]:
    """The clip, RGB [T, H, W, 3], with soft edges of a pixel."""
    inside = coverage(scene.shape, path, size)[..., None]
    colour, behind = np.array(RGB[scene.colour], np.float64), float(GREY[scene.background])
    frames: NDArray[np.uint8] = np.rint(behind + inside * (colour - behind)).astype(np.uint8)
    return frames


def coverage(shape: Shape, path: Path, size: tuple[int, int, int]) -> NDArray[np.float64]:
    """How much of each pixel the shape covers, [T, H, W] from 0 to 1."""
    _, height, width = size
    rows, columns = np.mgrid[0.5:height, 0.5:width]
    x = columns - path.centres[:, 0, None, None]
    y = rows - path.centres[:, 1, None, None]
    return np.clip(0.5 - _outside(shape, x, y, RADIUS[shape] * path.radius), 0, 1)


def _outside(
    shape: Shape, x: NDArray[np.float64], y: NDArray[np.float64], radius: float
) -> NDArray[np.float64]:
    """Distance to the shape's nearest edge line, negative inside."""
    if shape is Shape.CIRCLE:
        return np.hypot(x, y) - radius
    sector = 2 * math.pi / CORNERS[shape]
    turned = np.arctan2(x, -y) + (math.pi / 4 if shape is Shape.SQUARE else 0)
    # All corners are folded onto one that points along the first axis.
    folded = np.abs((turned + sector / 2) % sector - sector / 2)
    distance = np.hypot(x, y)
    inner = HOLLOW if shape is Shape.STAR else math.cos(sector / 2)
    edge = np.array([inner * math.cos(sector / 2) - 1, inner * math.sin(sector / 2)]) * radius
    along, across = distance * np.cos(folded) - radius, distance * np.sin(folded)
    return np.asarray((along * edge[1] - across * edge[0]) / np.hypot(*edge))
