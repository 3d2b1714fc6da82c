"""Input pictures, as a model wants them. Needs Pillow and numpy, no torch."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from common.media.picture_reader import read_picture

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image

_MAX_PIXELS = 2**28
"""The operator's own limit was held when the picture was accepted."""


def load_image(path: Path, width: int, height: int) -> "NDArray[np.uint8]":
    """RGB uint8 [height, width, 3]: as ``open_image``, scaled to cover, cut around the centre.

    Raises:
        OSError: the file is missing.
        InvalidRequest: it is no picture.
    """
    from PIL import Image, ImageOps

    fitted = ImageOps.fit(open_image(path), (width, height), Image.Resampling.LANCZOS)
    return np.array(fitted, dtype=np.uint8)


def open_image(path: Path) -> "Image.Image":
    """The whole picture at its own size, as a browser shows it: upright, in sRGB, on white.

    It is decoded in a process of its own.

    Raises:
        OSError: the file is missing.
        InvalidRequest: it is no picture.
    """
    from PIL import Image

    with path.open("rb") as file:
        pixels = read_picture(file.fileno(), _MAX_PIXELS)
    return Image.frombytes("RGB", (pixels.width, pixels.height), pixels.rgb)
