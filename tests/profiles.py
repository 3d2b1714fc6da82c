"""ICC profiles as cameras, printers and programs write them, from published numbers.

Made by hand, so that the tests need no files of others, and share no code with what they test.
"""

import struct
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

DISPLAY_P3 = (
    (0.51512, 0.24120, -0.00105),
    (0.29198, 0.69225, 0.04189),
    (0.15710, 0.06657, 0.78407),
)
ADOBE_RGB = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
PRO_PHOTO = ((0.79767, 0.28804, 0.0), (0.13519, 0.71188, 0.0), (0.03134, 0.00009, 0.82491))
"""XYZ of red, green and blue under D50."""
_D50 = np.array([0.9642, 1.0, 0.8249])
_TO_D50 = np.array(
    [[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]]
)
"""Linear sRGB to XYZ under D50."""
_TABLE = b"A2B0"
_LAB_OFFSET, _LAB_SCALE = np.array([0, 128, 128]), np.array([2.55, 1, 1])
"""To the codes of eight bits, ICC.1:2001-04, 6.3.4."""


def display_p3() -> bytes:
    """That of every iPhone."""
    return _matrix(DISPLAY_P3, _srgb_curve())


def adobe_rgb() -> bytes:
    """That of cameras for professionals."""
    return _matrix(ADOBE_RGB, _gamma(2.19921875))


def pro_photo() -> bytes:
    """That of Lightroom; some of its colours exist nowhere."""
    return _matrix(PRO_PHOTO, _gamma(1.8))


def gray(gamma: float = 1.75) -> bytes:
    """Of a scanner without colours."""
    return _profile(b"GRAY", {b"wtpt": _xyz(_D50), b"kTRC": _gamma(gamma)})


def printer() -> bytes:
    """CMYK by a table, in warm tones."""

    def shown(inks: Floats) -> Floats:
        light = (1 - inks[..., :3] * (0.9, 0.85, 0.95)) * (1 - 0.92 * inks[..., 3:])
        return light * (1.0, 0.96, 0.90)

    return _profile(b"CMYK", {_TABLE: _table(4, 9, shown)}, kind=b"prtr")


def scanner() -> bytes:
    """RGB by a table: channels that leak into each other."""

    def shown(values: Floats) -> Floats:
        return values @ np.array([[0.8, 0.1, 0.0], [0.15, 0.8, 0.2], [0.05, 0.1, 0.8]])

    return _profile(b"RGB ", {_TABLE: _table(3, 17, shown)}, kind=b"scnr")


def _matrix(primaries: tuple[tuple[float, ...], ...], curve: bytes) -> bytes:
    colours = dict(zip((b"rXYZ", b"gXYZ", b"bXYZ"), map(_xyz, primaries), strict=True))
    curves = dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    return _profile(b"RGB ", {b"wtpt": _xyz(_D50), **colours, **curves})


def _profile(space: bytes, tags: dict[bytes, bytes], kind: bytes = b"mntr") -> bytes:
    connection = b"Lab " if _TABLE in tags else b"XYZ "
    at = 132 + 12 * len(tags)
    table, bodies = struct.pack(">I", len(tags)), b""
    for name, body in tags.items():
        table += struct.pack(">4sII", name, at + len(bodies), len(body))
        bodies += body.ljust(-(-len(body) // 4) * 4, b"\0")
    size = at + len(bodies)
    start = struct.pack(">I4xI4s4s4s", size, 0x02400000, kind, space, connection)
    date = struct.pack(">6H", 2020, 1, 1, 0, 0, 0)
    header = start + date + b"acsp" + bytes(28) + _xyz(_D50)[8:]
    return header.ljust(128, b"\0") + table + bodies


def _xyz(values: object) -> bytes:
    return b"XYZ \0\0\0\0" + np.rint(np.asarray(values) * 65536).astype(">i4").tobytes()


def _gamma(value: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(value * 256))


def _srgb_curve() -> bytes:
    values = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
    return b"para\0\0\0\0\0\3\0\0" + struct.pack(">5i", *(round(v * 65536) for v in values))


def _table(channels: int, grid: int, shown: Callable[[Floats], Floats]) -> bytes:
    """lut8Type: from ``shown``, which answers sRGB of 0 to 1, to CIELAB.

    Not lut16Type: browsers read its Lab as version 4 writes it, half a unit too low.
    """
    axes = np.meshgrid(*[np.linspace(0, 1, grid)] * channels, indexing="ij")
    lab = _lab(shown(np.stack(axes, -1))).reshape(-1, 3)
    codes = np.rint((lab + _LAB_OFFSET) * _LAB_SCALE).clip(0, 255).astype(np.uint8)
    identity = struct.pack(">9i", *(65536 * (i % 4 == 0) for i in range(9)))
    head = b"mft1\0\0\0\0" + bytes([channels, 3, grid, 0]) + identity
    return head + bytes(range(256)) * channels + codes.tobytes() + bytes(range(256)) * 3


def _lab(srgb: Floats) -> Floats:
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    ratio = linear @ _TO_D50.T / _D50
    f = np.where(ratio > 216 / 24389, np.cbrt(ratio), (24389 / 27 * ratio + 16) / 116)
    x, y, z = np.moveaxis(f, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -1)
