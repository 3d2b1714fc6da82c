"""Tells pictures from videos by their first bytes, as ``file`` does: names and types may lie."""

from typing import Literal

Kind = Literal["image", "video"]
HEAD_BYTES = 512

_PICTURES = (
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff",  # JPEG
    *(b"GIF87a", b"GIF89a", b"BM"),
    *(b"II*\x00", b"MM\x00*"),  # TIFF
    *(b"\xff\x0a", b"\x00\x00\x00\x0cJXL ", b"\x00\x00\x00\x0cjP  "),  # JPEG XL, JPEG 2000
)
_VIDEOS = (
    b"\x1a\x45\xdf\xa3",  # Matroska and WebM: the EBML header
    *(b"\x00\x00\x01\xba", b"\x00\x00\x01\xb3"),  # MPEG program and video streams
    *(b"FLV\x01", b"OggS", b"0&\xb2u\x8ef\xcf\x11"),  # the last: ASF, of WMV
)
_STILLS = (b"mif1", b"msf1", b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"avif", b"avis")
"""Brands of ISO/IEC 23008-12 (HEIF) and of AVIF; every other one is a film's."""
_ATOMS = (b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot")
"""How a QuickTime file begins that is older than brands."""
_RIFF: dict[bytes, Kind] = {b"WEBP": "image", b"AVI ": "video"}
_PACKET_BYTES = 188
"""Of an MPEG transport stream (ISO/IEC 13818-1): each begins with 0x47."""


def kind_of(head: bytes) -> Kind | None:
    """What a file with these first bytes is; None where they say nothing."""
    if head.startswith(_PICTURES):
        return "image"
    if head.startswith(_VIDEOS) or _is_transport_stream(head):
        return "video"
    if head.startswith(b"RIFF"):
        return _RIFF.get(head[8:12])
    if head[4:8] == b"ftyp":
        return "image" if head[8:12] in _STILLS else "video"
    return "video" if head[4:8] in _ATOMS else None


def _is_transport_stream(head: bytes) -> bool:
    return head[:1] == b"G" and head[_PACKET_BYTES : _PACKET_BYTES + 1] == b"G"
