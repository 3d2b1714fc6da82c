"""Small files that cost their reader dear: made here, byte by byte, and never stored."""

import struct
import zlib
from io import BytesIO

from PIL import Image

SIDE = 7000
"""Pixels: within MAX_IMAGE_PIXELS, so that a header alone is no reason to refuse."""
SCANS = 2300
SAMPLES = 20_000_000
_RUN_CODES = 47
"""Of 16,384 empty blocks each, for the blocks of SIDE x SIDE."""


def honest_picture(width: int = 1920, height: int = 1080) -> bytes:
    """A JPEG as people have them."""
    file = BytesIO()
    Image.effect_noise((width, height), 40).convert("RGB").save(file, "JPEG", quality=85)
    return file.getvalue()


def endless_jpeg(side: int = SIDE, scans: int = SCANS) -> bytes:
    """A gray progressive JPEG with thousands of scans, each of which visits every block.

    Segments and codes as in ITU-T T.81, B.2 and G.1.2: all DC differences are zero, and each
    further scan says of all blocks that they have no coefficients (EOBRUN).
    """
    frame = struct.pack(">BHHBBBB", 8, side, side, 1, 1, 0x11, 0)
    tables = _huffman(0x00, 0) + _huffman(0x10, 0xE0)
    blocks = (-(-side // 8)) ** 2
    first = _scan(0, 0) + bytes(blocks // 8) + b"\x7f"  # a zero bit a block, filled up with ones
    again = _scan(1, 63) + bytes(_RUN_CODES * 15 // 8 + 1)
    head = b"\xff\xd8" + _segment(0xDB, b"\0" + b"\1" * 64) + _segment(0xC2, frame) + tables
    return head + first + again * scans + b"\xff\xd9"


def _segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def _huffman(place: int, symbol: int) -> bytes:
    """A table whose only code is a single zero bit."""
    return _segment(0xC4, bytes([place, 1, *[0] * 15, symbol]))


def _scan(first: int, last: int) -> bytes:
    return _segment(0xDA, bytes([1, 1, 0x00, first, last, 0x00]))


def png(side: int, depth: int, color: int, bits: int) -> bytes:
    """A valid PNG of zeros: ``bits`` a pixel in all, about a thousandth of that as a file."""
    row, packer = bytes(1 + side * bits // 8), zlib.compressobj(9)
    packed = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, depth, color, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", packed), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*part) for part in parts)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def endless_gif(frames: int = 20_000) -> bytes:
    """A GIF of 64x64 with thousands of frames of one pixel."""
    head = b"GIF89a" + struct.pack("<HHBBB", 64, 64, 0x80, 0, 0) + bytes(6)
    frame = b"," + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x4c\x01\x00"
    return head + frame * frames + b";"


def endless_mp4(tracks: int = 1, samples: int = SAMPLES) -> bytes:
    """An MP4 of some hundred bytes whose sample table says 20 million samples of one size.

    Boxes as in ISO/IEC 14496-12; the samples themselves are not there.
    """
    moov = _box("mvhd", struct.pack(">IIIII", 0, 0, 0, 1000, 1000), bytes(76), b"\0\0\0\x63")
    moov += b"".join(_track(number, samples) for number in range(1, tracks + 1))
    return _box("ftyp", b"isom\0\0\2\0isommp41") + _box("moov", moov) + _box("mdat", bytes(64))


def _track(number: int, samples: int) -> bytes:
    visual = bytes(6) + b"\0\1" + bytes(16) + struct.pack(">HH", 64, 48)
    visual += struct.pack(">IIIH", 0x480000, 0x480000, 0, 1) + bytes(32) + b"\0\x18\xff\xff"
    table = _box("stsd", struct.pack(">II", 0, 1), _box("mp4v", visual))
    table += _box("stts", struct.pack(">IIII", 0, 1, samples, 1))
    table += _box("stsc", struct.pack(">IIIII", 0, 1, 1, samples, 1))
    table += _box("stsz", struct.pack(">III", 0, 1, samples))
    table += _box("stco", struct.pack(">III", 0, 1, 48))
    reference = _box("dref", struct.pack(">II", 0, 1), _box("url ", b"\0\0\0\1"))
    minf = _box("vmhd", b"\0\0\0\1" + bytes(8)) + _box("dinf", reference) + _box("stbl", table)
    mdia = _box("mdhd", struct.pack(">IIIIII", 0, 0, 0, 1000, 1000, 0x55C40000))
    mdia += _box("hdlr", bytes(8) + b"vide" + bytes(13)) + _box("minf", minf)
    times = struct.pack(">IIIIII", 3, 0, 0, number, 0, 1000)
    tkhd = _box("tkhd", times, bytes(52), struct.pack(">II", 64 << 16, 48 << 16))
    return _box("trak", tkhd + _box("mdia", mdia))


def _box(kind: str, *parts: bytes) -> bytes:
    content = b"".join(parts)
    return struct.pack(">I", len(content) + 8) + kind.encode() + content
