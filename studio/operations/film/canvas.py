"""From a picture's file to the canvas that the camera moves over."""

import math
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from common.media.picture_reader import read_picture
from studio.operations.film.shapes import Box, Size, contained, covering

Pixels = NDArray[np.uint8]
"""RGB, [height, width, 3]."""

GROUND = "black"
"""Behind what can be seen through."""
OVERSAMPLED = 1.5
"""How much larger than the closest zoom needs it a canvas is that the camera moves over.

Then two pixels of it make one of a frame, nearly: linear interpolation is as sharp as it can be,
the same in all frames, and quicker than cubic. Measured beside 1 to 2 times, and cubic:
docs/cutting-room.md.
"""
BLUR = 0.03
"""Of the ground of a padded picture: its deviation, as a share of the longer side."""
_BLURRED_AT = 160
"""Pixels of the longer side at which that is blurred: nobody sees more of it."""


def open_picture(path: Path, max_pixels: int) -> Pixels:
    """A picture as a browser shows it, on black, decoded in a process of its own.

    Raises:
        OSError: the file is missing.
        InvalidRequest: it is no picture of so many pixels.
    """
    with path.open("rb") as file:
        read = read_picture(file.fileno(), max_pixels, GROUND)
    return np.frombuffer(read.rgb, np.uint8).reshape(read.height, read.width, 3)


def canvas_of(picture: Pixels, frame: Size, closest: float, *, pads: bool) -> Pixels:
    """A picture in the frame's shape, as large as the camera needs it.

    It is scaled once, here, by the mean of the pixels that fall together.

    Args:
        picture: as it was read.
        frame: width and height.
        closest: the largest zoom; at 1 nothing moves, and the canvas is the frame.
        pads: show all of it, on a blurred copy of itself; else it is cut around its middle.
    """
    scale = closest * OVERSAMPLED if closest > 1 else 1.0
    size = (math.ceil(frame[0] * scale), math.ceil(frame[1] * scale))
    shape = picture.shape[1], picture.shape[0]
    covered = _part(picture, covering(shape, frame))
    if not pads:
        return _scaled(covered, size)
    canvas = _blurred(covered, size)
    place = contained(shape, size)
    _part(canvas, place)[:] = _scaled(picture, (place.width, place.height))
    return canvas


def _part(picture: Pixels, box: Box) -> Pixels:
    return picture[box.top : box.top + box.height, box.left : box.left + box.width]


def _blurred(picture: Pixels, size: Size) -> Pixels:
    share = _BLURRED_AT / max(size)
    small = _scaled(picture, (max(1, round(size[0] * share)), max(1, round(size[1] * share))))
    soft = cv2.GaussianBlur(small, (0, 0), BLUR * _BLURRED_AT)
    return np.asarray(cv2.resize(soft, size, interpolation=cv2.INTER_CUBIC), np.uint8)


def _scaled(picture: Pixels, size: Size) -> Pixels:
    """Means where it gets smaller, cubic where it gets larger."""
    smaller = size[0] <= picture.shape[1] and size[1] <= picture.shape[0]
    way = cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, size, interpolation=way), np.uint8)
