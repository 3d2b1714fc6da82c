"""Input pictures, as a model wants them. Needs Pillow and numpy, no torch."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image

_SIXTEEN_TO_EIGHT_BITS = 257
"""65535 / 255."""


def load_image(path: Path, width: int, height: int) -> "NDArray[np.uint8]":
    """RGB uint8 [height, width, 3]: as ``open_image``, scaled to cover, cut around the centre.

    Raises:
        OSError: the file is missing or no picture.
    """
    from PIL import Image, ImageOps

    fitted = ImageOps.fit(open_image(path), (width, height), Image.Resampling.LANCZOS)
    return np.array(fitted, dtype=np.uint8)


def open_image(path: Path) -> "Image.Image":
    """The whole picture in RGB at its own size, upright.

    Transparency is laid on white: drawings and logos are made for a page, and dark lines would
    vanish on black.

    Raises:
        OSError: the file is missing or no picture.
    """
    from PIL import Image, ImageOps

    with Image.open(path) as image:
        return _rgb(ImageOps.exif_transpose(image))


def _rgb(image: "Image.Image") -> "Image.Image":
    from PIL import Image

    if image.mode.startswith("I"):  # 16 bits a pixel, which Pillow would clip, not scale
        wide = np.asarray(image, dtype=np.int64).clip(0, 65535) // _SIXTEEN_TO_EIGHT_BITS
        return Image.fromarray(wide.astype(np.uint8)).convert("RGB")
    if not image.has_transparency_data:
        return image.convert("RGB")
    rgba = image.convert("RGBA")
    page = Image.new("RGBA", rgba.size, "white")
    return Image.alpha_composite(page, rgba).convert("RGB")
