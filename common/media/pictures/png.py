"""PNG: the stream for the decoder, its colours, its EXIF. W3C, Portable Network Graphics, 3rd ed.

What stands beside the pixels counts as in browsers: a chunk whose checksum is wrong is none, and of
those that speak of colour cICP goes before iCCP, that before sRGB, and that before gAMA with cHRM.
"""

import struct
import zlib
from collections.abc import Iterator, Mapping

from common.media.pictures.kinds import PNG_SIGNATURE
from common.media.pictures.profiles import SRGB, coded_profile, gamma_profile
from common.media.pictures.refused import Refused, Why
from common.media.pictures.source import Kept, Source

MAX_PROFILE_BYTES = 16 * 1024**2
"""Of an unpacked profile; those of printers have two or three million."""

_BESIDE = frozenset({b"tRNS", b"eXIf", b"cICP", b"iCCP", b"sRGB", b"gAMA", b"cHRM"})
_END = struct.pack(">I4sI", 0, b"IEND", zlib.crc32(b"IEND"))
_SMALL = 0x20
"""This bit of a chunk's first letter says that pictures can be shown without it."""
_PALETTE = 3
"""The colour type whose tRNS a decoder reads; that of the others is ``Source.clear``."""
_TRANSPARENT = {0: ">H", 2: ">3H"}
"""How tRNS is written, where it is a colour."""
_INVERSE_2_2 = 45455
"""What programs that mean sRGB write as gAMA; with no more said, browsers take it for that."""


def read_png(data: bytes) -> Source:
    """Take a PNG apart; of an animation the picture that stands for it all is kept.

    Raises:
        Refused: it needs something that no viewer knows.
    """
    kept, beside, begun = Kept(data), dict[bytes, bytes](), False
    kept.add(0, len(PNG_SIGNATURE))
    for kind, start, end in _chunks(data):
        begun = begun or kind == b"IDAT"
        if kind in (b"IHDR", b"PLTE", b"IDAT"):
            kept.add(start, end)
        elif kind in _BESIDE and not begun and kind not in beside and _sound(data, start, end):
            beside[kind] = data[start + 8 : end - 4]
            if kind == b"tRNS" and data[25] == _PALETTE:
                kept.add(start, end)
        elif not begun and not kind[0] & _SMALL:
            raise Refused(Why.DAMAGED)
    exif = beside.get(b"eXIf", b"")
    return Source(kept.joined(_END), _profile(beside), exif, _clear(data, beside))


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Name, start and end of each, up to the last; where the file is cut, so is its last chunk."""
    at = len(PNG_SIGNATURE)
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        if kind == b"IEND":
            return
        end = min(at + 12 + length, len(data))
        yield kind, at, end
        at = end


def _sound(data: bytes, start: int, end: int) -> bool:
    """Whether a chunk's checksum is right."""
    (length,) = struct.unpack_from(">I", data, start)
    said = int.from_bytes(data[end - 4 : end], "big")
    return end - start == 12 + length and zlib.crc32(data[start + 4 : end - 4]) == said


def _profile(beside: Mapping[bytes, bytes]) -> bytes | None:
    coded = beside.get(b"cICP", b"")
    profile = coded_profile(coded[0], coded[1]) if len(coded) == 4 else None
    profile = profile or _unpacked(beside.get(b"iCCP", b""))
    if profile or b"sRGB" in beside:
        return profile
    return _of_gamma(beside.get(b"gAMA", b""), beside.get(b"cHRM", b""))


def _unpacked(text: bytes) -> bytes | None:
    """The profile behind its name and the kind of packing, of which there is one."""
    _, _, packed = text.partition(b"\0")
    try:
        return zlib.decompressobj().decompress(packed[1:], MAX_PROFILE_BYTES) or None
    except zlib.error:
        return None


def _of_gamma(gamma: bytes, chromaticities: bytes) -> bytes | None:
    inverse = int.from_bytes(gamma, "big") if len(gamma) == 4 else 0
    if not inverse:
        return None
    if len(chromaticities) == 32:
        values = [value / 100_000 for value in struct.unpack(">8I", chromaticities)]
        return gamma_profile(values, 100_000 / inverse)
    return None if inverse == _INVERSE_2_2 else gamma_profile(SRGB, 100_000 / inverse)


def _clear(data: bytes, beside: Mapping[bytes, bytes]) -> tuple[int, ...]:
    """The colour that is transparent, as ``Source`` has it; empty where a palette says it."""
    bits, colours = data[24:26] if len(data) > 26 else (0, 0)
    layout, text = _TRANSPARENT.get(colours, ""), beside.get(b"tRNS", b"")
    if not layout or len(text) != struct.calcsize(layout):
        return ()
    values = struct.unpack(layout, text)
    if bits == 16:
        return (*(value >> 8 for value in values), *(value & 0xFF for value in values))
    most = (1 << bits) - 1
    return tuple((value & most) * 255 // most for value in values)
