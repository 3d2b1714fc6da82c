"""Pictures and frames as encoders take them: Y, and at half its sides U and V (BT.709, limited).

A frame costs half of what it does in RGB, and the encoder has nothing to convert.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from common.media.clip import PixelFormat
from studio.operations.film.canvas import Pixels
from studio.operations.film.motion import Matrix
from studio.operations.film.shapes import Size

Plane = NDArray[np.uint8]
"""[height, width]."""

_RED, _BLUE = 0.2126, 0.0722
"""Of the light of white (ITU-R BT.709-6, 3.2)."""
_LUMA, _CHROMA = 219 / 255, 224 / 255
"""Limited range (3.4): Y from 16, U and V around 128."""


def _from_rgb() -> NDArray[np.float32]:
    """[Y, U, V] = matrix [R, G, B, 1]."""
    light = np.array([_RED, 1 - _RED - _BLUE, _BLUE])
    blue = (np.array([0, 0, 1]) - light) / (2 * (1 - _BLUE))
    red = (np.array([1, 0, 0]) - light) / (2 * (1 - _RED))
    rows = np.stack([light * _LUMA, blue * _CHROMA, red * _CHROMA])
    return np.column_stack([rows, [16, 128, 128]]).astype(np.float32)


_FROM_RGB = _from_rgb()


@dataclass(frozen=True)
class Planes:
    """A picture. U and V are means of four pixels, of a few less where a side is odd."""

    y: Plane
    u: Plane
    v: Plane

    @classmethod
    def of(cls, picture: Pixels) -> "Planes":
        """From RGB [height, width, 3]."""
        y, u, v = cv2.split(np.asarray(cv2.transform(picture, _FROM_RGB), np.uint8))
        return cls(np.asarray(y, np.uint8), _halved(u), _halved(v))

    @property
    def size(self) -> Size:
        """Width and height."""
        return _size(self.y)


class Frame:
    """One to draw into: ``pixels`` is [height * 3 // 2, width], `PixelFormat.YUV420P`."""

    def __init__(self, size: Size) -> None:
        width, height = size
        self.pixels = np.empty(PixelFormat.YUV420P.shape(width, height), np.uint8)
        luma, quarter = width * height, width * height // 4
        flat = self.pixels.reshape(-1)
        self._y = flat[:luma].reshape(height, width)
        self._u = flat[luma : luma + quarter].reshape(height // 2, width // 2)
        self._v = flat[luma + quarter :].reshape(height // 2, width // 2)

    def draw(self, canvas: Planes, matrix: Matrix) -> None:
        """``matrix``: where on the canvas a pixel of the frame lies."""
        chroma = chroma_matrix(matrix, canvas.size, _size(canvas.u))
        _warp(canvas.y, matrix, self._y)
        _warp(canvas.u, chroma, self._u)
        _warp(canvas.v, chroma, self._v)


def chroma_matrix(matrix: Matrix, luma: Size, chroma: Size) -> Matrix:
    """Where on the canvas' U and V those of the frame lie, by where its pixels do.

    Those of the frame lie at the left of their four pixels, at [2 x, 2 y + 1/2]; those of the
    canvas in the middle of theirs.
    """
    (across, _, u), (_, down, v) = matrix
    wide, high = chroma[0] / luma[0], chroma[1] / luma[1]
    left = (u + 0.5) * wide - 0.5
    top = (v + down / 2 + 0.5) * high - 0.5
    return (2 * across * wide, 0.0, left), (0.0, 2 * down * high, top)


def _halved(plane: cv2.typing.MatLike) -> Plane:
    size = (plane.shape[1] + 1) // 2, (plane.shape[0] + 1) // 2
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA), np.uint8)


def _warp(canvas: Plane, matrix: Matrix, into: Plane) -> None:
    flags, edge = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, cv2.BORDER_REPLICATE
    cv2.warpAffine(canvas, np.array(matrix), _size(into), into, flags=flags, borderMode=edge)


def _size(plane: Plane) -> Size:
    return plane.shape[1], plane.shape[0]
