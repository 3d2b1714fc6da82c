"""What a file is, by its first bytes: never by what a client says of it."""

import re
import struct

from common.media.pictures.refused import Refused, Why

VIDEO = "video"
"""What a film is, whoever may read it."""
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_TAKEN = (
    ("PNG", re.compile(re.escape(PNG_SIGNATURE))),
    ("JPEG", re.compile(rb"\xff\xd8\xff")),
    ("GIF", re.compile(rb"GIF8[79]a")),
    ("WEBP", re.compile(rb"RIFF....WEBP", re.DOTALL)),
    ("BMP", re.compile(rb"BM.{4}\0\0\0\0", re.DOTALL)),
)
"""By Pillow's names."""
_BRANDS = (
    ("AVIF", {b"avif", b"avis"}),
    ("HEIF", {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}),
)
"""Of files of boxes, ISO/IEC 14496-12, 4.3."""
_OTHERS = (
    ("TIFF", re.compile(rb"II[*+]\0|MM\0[*+]")),
    ("SVG", re.compile(rb"\s*(<\?xml|<svg|<!DOCTYPE svg)", re.IGNORECASE)),
    ("PDF", re.compile(rb"%PDF")),
    ("Photoshop", re.compile(rb"8BPS")),
    ("JPEG XL", re.compile(rb"\xff\x0a|\0\0\0\x0cJXL ")),
    ("JPEG 2000", re.compile(rb"\xff\x4f\xff\x51|\0\0\0\x0cjP  ")),
    ("icon", re.compile(rb"\0\0[\1\2]\0")),
    (
        VIDEO,
        re.compile(
            rb"\x1a\x45\xdf\xa3|"  # Matroska and WebM: the EBML header
            rb"....(?:ftyp|moov|mdat|free|skip|wide|pnot)|"  # MP4, and QuickTime from before brands
            rb"RIFF....AVI |\0\0\x01[\xba\xb3]|FLV\x01|OggS|0&\xb2u\x8ef\xcf\x11|"
            rb"G.{187}G",  # packets of an MPEG transport stream, ISO/IEC 13818-1
            re.DOTALL,
        ),
    ),
)
"""What people send as well, and are told what to do with it."""


def kind_of(data: bytes) -> str:
    """Pillow's name for a kind that is taken. Raises Refused, with what it is instead."""
    for kind, start in _TAKEN:
        if start.match(data):
            return kind
    brands = _brands(data[:256])
    for kind, names in _BRANDS:
        if brands & names:
            return kind
    others = (kind for kind, start in _OTHERS if start.match(data))
    raise Refused(Why.UNKNOWN, next(others, ""))


def _brands(data: bytes) -> set[bytes]:
    size, name = struct.unpack(">I4s", data[:8].ljust(8, b"\0"))
    if name != b"ftyp":
        return set()
    return {data[8:12], *(data[at : at + 4] for at in range(16, min(size, len(data)), 4))}
