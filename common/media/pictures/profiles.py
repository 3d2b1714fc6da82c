"""ICC profiles of colours that a file describes by numbers. ICC.1:2001-04, and H.273 for the codes.

Version 2, with a matrix and one curve: littlecms then adds no black point compensation, which
browsers do not have either.
"""

import struct
from collections.abc import Sequence

SRGB = (0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
"""x and y of white, red, green and blue. IEC 61966-2-1."""
_D65 = SRGB[:2]
_PRIMARIES: dict[int, Sequence[float]] = {
    1: SRGB,
    5: (*_D65, 0.64, 0.33, 0.29, 0.60, 0.15, 0.06),
    6: (*_D65, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070),
    7: (*_D65, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070),
    9: (*_D65, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046),
    12: (*_D65, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
}
"""By their codes, H.273 table 2."""
_SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
_BT_1886 = (2.4,)
"""What screens do with BT.709's coding, and browsers."""
_CURVES: dict[int, Sequence[float]] = {
    1: _BT_1886,
    4: (2.2,),
    5: (2.8,),
    6: _BT_1886,
    8: (1.0,),
    13: _SRGB_CURVE,
    14: _BT_1886,
    15: _BT_1886,
}
"""By their codes, H.273 table 3. PQ and HLG are not among them: they need a mapping of tones."""
_CURVE_KINDS = {1: 0, 5: 3}
"""Of a parametric curve, by how many numbers it has. ICC.1:2001-12, 6.5.16."""

_D50 = (0.9642, 1.0, 0.8249)
_BRADFORD = ((0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296))

Matrix = Sequence[Sequence[float]]


def srgb_profile() -> bytes:
    """What pictures are converted to."""
    return _profile(SRGB, _SRGB_CURVE)


def coded_profile(primaries: int, curve: int) -> bytes | None:
    """The colours that two codes of H.273 name; None where they are not known here."""
    if primaries not in _PRIMARIES or curve not in _CURVES:
        return None
    return _profile(_PRIMARIES[primaries], _CURVES[curve])


def gamma_profile(primaries: Sequence[float], gamma: float) -> bytes | None:
    """Of primaries as in ``SRGB`` and one power; None where they make no colours."""
    try:
        return _profile(primaries, (gamma,))
    except (ZeroDivisionError, struct.error):
        return None


def _profile(primaries: Sequence[float], curve: Sequence[float]) -> bytes:
    columns = list(zip(*_to_d50(primaries), strict=True))
    tags = [(name, _xyz(values)) for name, values in zip(_COLORANTS, columns, strict=True)]
    tags.append((b"wtpt", _xyz(_D50)))
    tags += [(name, _curve(curve)) for name in (b"rTRC", b"gTRC", b"bTRC")]
    at = 128 + 4 + 12 * len(tags)
    table, bodies = struct.pack(">I", len(tags)), b""
    for name, body in tags:
        table += struct.pack(">4sII", name, at + len(bodies), len(body))
        bodies += body
    return _header(at + len(bodies)) + table + bodies


_COLORANTS = (b"rXYZ", b"gXYZ", b"bXYZ")


def _header(size: int) -> bytes:
    start = struct.pack(">I4sI4s4s4s", size, b"", 0x02400000, b"mntr", b"RGB ", b"XYZ ")
    date = struct.pack(">6H", 2026, 1, 1, 0, 0, 0)
    rest = start + date + b"acsp" + bytes(28) + b"".join(map(_fixed, _D50))
    return rest.ljust(128, b"\0")


def _fixed(value: float) -> bytes:
    return struct.pack(">i", round(value * 65536))


def _xyz(values: Sequence[float]) -> bytes:
    return b"XYZ \0\0\0\0" + b"".join(map(_fixed, values))


def _curve(values: Sequence[float]) -> bytes:
    kind = struct.pack(">HH", _CURVE_KINDS[len(values)], 0)
    return b"para\0\0\0\0" + kind + b"".join(map(_fixed, values))


def _to_d50(primaries: Sequence[float]) -> Matrix:
    """RGB to XYZ under D50: the primaries scaled to their white, then Bradford's adaptation."""
    white, *colours = (_xyz_of(*primaries[i : i + 2]) for i in range(0, 8, 2))
    columns = list(zip(*colours, strict=True))
    scales = _times(_inverse(columns), [[value] for value in white])
    scaled = [
        [value * scale[0] for value, scale in zip(row, scales, strict=True)] for row in columns
    ]
    source, target = (_times(_BRADFORD, [[v] for v in point]) for point in (white, _D50))
    ratios = [[t[0] / s[0]] for s, t in zip(source, target, strict=True)]
    cones = [[v * ratio[0] for v in row] for row, ratio in zip(_BRADFORD, ratios, strict=True)]
    return _times(_times(_inverse(_BRADFORD), cones), scaled)


def _xyz_of(x: float, y: float) -> tuple[float, float, float]:
    return x / y, 1.0, (1 - x - y) / y


def _times(left: Matrix, right: Matrix) -> Matrix:
    columns = list(zip(*right, strict=True))
    return [[sum(a * b for a, b in zip(row, col, strict=True)) for col in columns] for row in left]


def _inverse(m: Matrix) -> Matrix:
    """By cofactors."""

    def minor(i: int, j: int) -> float:
        a, b = (m[(i + k) % 3] for k in (1, 2))
        return a[(j + 1) % 3] * b[(j + 2) % 3] - a[(j + 2) % 3] * b[(j + 1) % 3]

    determinant = sum(m[0][j] * minor(0, j) for j in range(3))
    return [[minor(j, i) / determinant for j in range(3)] for i in range(3)]
