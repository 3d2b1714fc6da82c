"""The one thing in EXIF that changes what a picture shows."""

import struct

UPRIGHT = 1
_ORIENTATION = 0x0112
_SHORT = 3
_MAX_ENTRIES = 1000


def orientation(exif: bytes) -> int:
    """How the picture lies: 1 (upright) to 8, as in Exif 2.3, 4.6.4 A.

    Args:
        exif: from its TIFF header on. Whatever is wrong with it, the answer is 1, as in browsers.
    """
    try:
        return _orientation(exif, {b"II*\0": "<", b"MM\0*": ">"}[exif[:4]])
    except (KeyError, struct.error):
        return UPRIGHT


def _orientation(exif: bytes, order: str) -> int:
    (at,) = struct.unpack_from(f"{order}I", exif, 4)
    (entries,) = struct.unpack_from(f"{order}H", exif, at)
    for index in range(min(entries, _MAX_ENTRIES)):
        place = at + 2 + 12 * index
        tag, kind, count, value = struct.unpack_from(f"{order}HHIH", exif, place)
        if tag == _ORIENTATION:
            return value if (kind, count) == (_SHORT, 1) and 1 <= value <= 8 else UPRIGHT
    return UPRIGHT
