"""Pictures from clients: untrusted bytes, judged before anything else touches them."""

import base64
import binascii
import re
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Literal

from common.errors import InvalidRequest

if TYPE_CHECKING:
    from PIL import Image

ImageFormat = Literal["png", "jpeg", "webp"]

_FORMATS: dict[str, ImageFormat] = {
    "PNG": "png",
    "JPEG": "jpeg",
    "MPO": "jpeg",  # a camera's JPEG with a second picture behind; Pillow finds it by itself
    "WEBP": "webp",
}
_ACCEPTED = "Send a PNG, JPEG or WebP picture."
_DATA_URL = re.compile(r"data:[^,]{0,256};base64,", re.IGNORECASE)
_ORIENTATION_TAG = 0x0112
_TURNED = frozenset({5, 6, 7, 8})
"""EXIF orientations that swap width and height (Exif 2.3, 4.6.4 A)."""


@dataclass(frozen=True)
class ImageInfo:
    """A whole picture, as a viewer shows it: ``width`` and ``height`` are after EXIF rotation."""

    width: int
    height: int
    format: ImageFormat


def decode_base64_image(text: str) -> bytes:
    """The bytes behind base64, with or without ``data:...;base64,`` in front and line breaks.

    Raises:
        InvalidRequest: not base64, or nothing in it.
    """
    compact = "".join(text.split())
    if compact.lower().startswith(("http://", "https://")):
        raise _refused("Addresses are not fetched.", "Send the picture itself, as base64.")
    if compact.lower().startswith("data:"):
        prefix = _DATA_URL.match(compact)
        if prefix is None:
            raise _refused("The data: URL is not a base64 one.")
        compact = compact[prefix.end() :]
    try:
        data = base64.b64decode(compact, validate=True)
    except (binascii.Error, ValueError) as exc:
        raise _refused("The picture is not valid base64.") from exc
    if not data:
        raise _refused("The picture is empty.")
    return data


def inspect_image(data: bytes, max_pixels: int) -> ImageInfo:
    """Prove that ``data`` is one whole picture of at most ``max_pixels``.

    The size is read from the header and judged before a pixel is decoded. Then everything is
    decoded once, which takes up to four bytes a pixel for the time of the call.

    Raises:
        InvalidRequest: not PNG, JPEG or WebP by content; too large; animated; damaged.
    """
    image = _open(data, max_pixels)
    with image:
        if image.width * image.height > max_pixels:
            raise _too_large(max_pixels)
        format_ = _FORMATS[image.format or ""]
        if format_ != "jpeg" and getattr(image, "is_animated", False):
            raise _refused("The picture is animated.", "Send a still picture.")
        width, height = image.size
        turned = _decode(image)
    size = (height, width) if turned else (width, height)
    return ImageInfo(*size, format=format_)


def _open(data: bytes, max_pixels: int) -> "Image.Image":
    from PIL import Image, UnidentifiedImageError  # the API process stays small until needed

    # Pillow warns from 89 million pixels on and refuses from 179 million. Where warnings are
    # errors the warning arrives here too; it is never silenced, since filters belong to the
    # whole process and the API has threads.
    try:
        return Image.open(BytesIO(data), formats=("PNG", "JPEG", "WEBP"))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as exc:
        raise _too_large(max_pixels) from exc
    except UnidentifiedImageError as exc:
        raise _refused("This is not a picture in a known format.") from exc
    except MemoryError:
        raise
    except Exception as exc:  # decoders raise nearly anything at crafted input
        raise _refused("The picture is damaged.") from exc


def _decode(image: "Image.Image") -> bool:
    """Decode every byte; True when EXIF turns the picture by 90 degrees."""
    try:
        # libjpeg reads all data but keeps an eighth of each side: same proof, 1/64 of the memory.
        image.draft(None, (1, 1))
        image.load()
        return image.getexif().get(_ORIENTATION_TAG) in _TURNED
    except MemoryError:
        raise
    except Exception as exc:  # decoders raise nearly anything at crafted input
        raise _refused("The picture is damaged or incomplete.") from exc


def _refused(message: str, hint: str = _ACCEPTED) -> InvalidRequest:
    return InvalidRequest(message, param="image", hint=hint)


def _too_large(max_pixels: int) -> InvalidRequest:
    return _refused(
        f"The picture has more than {max_pixels:,} pixels.",
        "Send it scaled down: models need less.",
    )
