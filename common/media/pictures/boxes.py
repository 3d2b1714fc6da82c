"""AVIF and HEIF: files of boxes, ISO/IEC 14496-12 and 23008-12."""

import struct
from collections.abc import Iterator

from common.media.pictures.profiles import coded_profile

_PATH = (b"meta", b"iprp", b"ipco")
"""Where the properties of pictures are."""
_FULL_BOX_BYTES = 4
"""Version and flags, at the beginning of ``meta``."""


def coded_colours(data: bytes) -> bytes | None:
    """The profile of the colours that a file names by code; None where it names none."""
    try:
        inner = data
        for name in _PATH:
            inner = next(body for kind, body in _boxes(inner) if kind == name)
            inner = inner[_FULL_BOX_BYTES:] if name == b"meta" else inner
        colours = (body for kind, body in _boxes(inner) if kind == b"colr")
        code = next(body for body in colours if body[:4] == b"nclx")
        return coded_profile(*struct.unpack_from(">HH", code, 4))
    except (StopIteration, struct.error):
        return None


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Name and content of each; sizes of 64 bits are those of pixels, which come after."""
    at = 0
    while at + 8 <= len(data):
        size, name = struct.unpack_from(">I4s", data, at)
        if size < 8:
            return
        yield name, data[at + 8 : at + size]
        at += size
