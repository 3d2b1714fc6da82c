"""From the colours that a picture's profile speaks of to sRGB, by littlecms."""

import struct
from functools import cache
from io import BytesIO

from PIL import Image, ImageCms

from common.media.pictures.profiles import srgb_profile

_MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}
"""Pillow's layout for the colours of a profile."""
_TABLE = b"A2B0"
_TAGS_AT = 128


def to_srgb(image: Image.Image, icc: bytes | None) -> Image.Image:
    """The picture (L, RGB or CMYK) in RGB; a profile that is broken or another's counts as none."""
    if icc is None or icc == srgb_profile():
        return image.convert("RGB")
    try:
        return _converted(image, icc)
    except MemoryError:
        raise
    except Exception:  # what littlecms and Pillow raise at broken profiles is of many kinds
        return image.convert("RGB")


def _converted(image: Image.Image, icc: bytes) -> Image.Image:
    profile = ImageCms.ImageCmsProfile(BytesIO(icc))
    mode = _MODES.get(profile.profile.xcolor_space.strip())
    if (mode, image.mode) == ("RGB", "L"):
        image = image.convert("RGB")
    if mode != image.mode:
        return image.convert("RGB")
    # As browsers do: the table for perception where there is one, else what was measured.
    intent = (
        ImageCms.Intent.PERCEPTUAL if _has_table(icc) else ImageCms.Intent.RELATIVE_COLORIMETRIC
    )
    transform = ImageCms.ImageCmsTransform(profile, _target(), mode, "RGB", intent)
    return transform.apply(image, image if mode == "RGB" else None)


def _has_table(icc: bytes) -> bool:
    (count,) = struct.unpack_from(">I", icc, _TAGS_AT)
    table = icc[_TAGS_AT + 4 :][: 12 * min(count, 200)]
    return _TABLE in (table[at : at + 4] for at in range(0, len(table), 12))


@cache
def _target() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(BytesIO(srgb_profile()))
