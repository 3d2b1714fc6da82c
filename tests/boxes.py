"""MP4 files made by hand, of what no program would write."""

import struct

_MATRIX = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)


def box(kind: str, *parts: bytes) -> bytes:
    """ISO/IEC 14496-12, 4.2."""
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), kind.encode()) + body


def full(kind: str, *numbers: int, after: bytes = b"", flags: int = 0) -> bytes:
    """A box with a version, 0, and flags; its numbers have 32 bits each."""
    return box(kind, struct.pack(f">{1 + len(numbers)}I", flags, *numbers), after)


def claiming(samples: int, tracks: int = 1, codec: str = "avc1") -> bytes:
    """A video whose table says in 12 bytes that it has so many pictures, all of one size."""
    movie = full("mvhd", 0, 0, 1000, 1000, 0x10000, 0x01000000, 0, 0, after=_MATRIX + bytes(28))
    traks = (_track(number, samples, codec) for number in range(1, tracks + 1))
    return box("ftyp", b"isom\0\0\0\0isom") + box("moov", movie, *traks)


def _track(number: int, samples: int, codec: str) -> bytes:
    size = struct.pack(">II", 64 << 16, 64 << 16)
    head = full("tkhd", 0, 0, number, 0, 1000, 0, 0, 0, 0, after=_MATRIX + size, flags=3)
    media = full("mdhd", 0, 0, 1000, 1000, 0x55C40000)
    handler = full("hdlr", 0, int.from_bytes(b"vide"), 0, 0, 0, after=b"\0")
    data = box("dinf", full("dref", 1, after=full("url ", flags=1)))
    shape = struct.pack(">HH", 64, 64) + struct.pack(">III", 0x480000, 0x480000, 0)
    entry = box(codec, bytes(6), b"\0\1", bytes(16), shape, b"\0\1", bytes(32), b"\0\x18\xff\xff")
    table = box(
        "stbl",
        full("stsd", 1, after=entry),
        full("stts", 1, samples, 1),
        full("stsc", 1, 1, samples, 1),
        full("stsz", 1, samples),
        full("stco", 1, 0),
    )
    info = box("minf", full("vmhd", 0, 0, flags=1), data, table)
    return box("trak", head, box("mdia", media, handler, info))
