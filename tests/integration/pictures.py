"""Pictures as clients send them, honest and not."""

import base64
import struct
import zlib
from io import BytesIO

import cv2
import numpy as np
from PIL import Image


def png(width: int = 64, height: int = 48) -> bytes:
    """A small honest picture."""
    pixels = np.linspace(0, 255, width * height * 3).reshape(height, width, 3).astype(np.uint8)
    return bytes(cv2.imencode(".png", pixels)[1].tobytes())


def data_url() -> str:
    """The same, inside a text."""
    return f"data:image/png;base64,{base64.b64encode(png()).decode()}"


def bomb(side: int = 30_000) -> bytes:
    """A valid black-and-white PNG of side x side pixels in about 100 KB."""
    packer = zlib.compressobj()
    row = bytes(1 + side // 8)
    rows = b"".join(packer.compress(row * 1000) for _ in range(side // 1000)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    chunks = _chunk(b"IHDR", header) + _chunk(b"IDAT", rows) + _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def tiff() -> bytes:
    """A real picture of a kind that is not taken."""
    file = BytesIO()
    Image.new("RGB", (64, 48)).save(file, "TIFF")
    return file.getvalue()


def _chunk(kind: bytes, data: bytes) -> bytes:
    checksum = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)
