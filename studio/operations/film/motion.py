"""How the camera moves over a picture, to a fraction of a pixel. Pure.

What is shown lies on a canvas: the picture, in the frame's shape, at any size. The camera sees a
part of that, of the frame's shape too.
"""

from dataclasses import dataclass
from typing import Literal

Motion = Literal[
    "zoom_in",
    "zoom_out",
    "pan_left",
    "pan_right",
    "pan_up",
    "pan_down",
    "pan_up_left",
    "pan_up_right",
    "pan_down_left",
    "pan_down_right",
    "none",
]
Matrix = tuple[tuple[float, float, float], tuple[float, float, float]]
_DIRECTIONS = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}


@dataclass(frozen=True)
class View:
    """What the camera sees of the canvas.

    ``zoom`` 1 is all of it. ``x`` and ``y`` say where: 0 is the middle, -1 the left or the upper
    edge, 1 the other one.
    """

    zoom: float
    x: float = 0.0
    y: float = 0.0


def view_at(motion: Motion, zoom: float, part: float) -> View:
    """The view when ``part`` of the motion is over, from 0 to 1; ``zoom`` is the closest one.

    Zooming in is z = 1 + (zoom - 1) * on / frames, around the middle. A pan goes at the closest
    zoom from one edge to the other, the camera in the direction that is named.
    """
    if motion == "none":
        return View(1.0)
    if motion == "zoom_in":
        return View(1 + (zoom - 1) * part)
    if motion == "zoom_out":
        return View(zoom - (zoom - 1) * part)
    named = [_DIRECTIONS[word] for word in motion.removeprefix("pan_").split("_")]
    along = 2 * part - 1
    return View(zoom, along * sum(x for x, _ in named), along * sum(y for _, y in named))


def closest(motion: Motion, zoom: float) -> float:
    """The largest zoom of a motion."""
    return 1.0 if motion == "none" else zoom


def matrix_of(view: View, frame: tuple[int, int], canvas: tuple[int, int]) -> Matrix:
    """Where on the canvas a pixel of the frame lies: [u, v] = matrix [x, y, 1].

    Sizes are width and height. Numbers are of pixels' centres, as OpenCV counts them: the upper
    left pixel is at 0, 0, and the middle of a side of n pixels at (n - 1) / 2.
    """
    across, u = _line(view.zoom, view.x, frame[0], canvas[0])
    down, v = _line(view.zoom, view.y, frame[1], canvas[1])
    return (across, 0.0, u), (0.0, down, v)


def _line(zoom: float, place: float, frame: int, canvas: int) -> tuple[float, float]:
    """Step and start of one direction."""
    step = canvas / frame / zoom
    middle = (canvas - 1) / 2 + place * (canvas - canvas / zoom) / 2
    return step, middle - step * (frame - 1) / 2
