"""The frame of a film, and how pictures of other shapes come into it."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Literal

from common.base.errors import Unresolvable

Size = tuple[int, int]
"""Width and height in pixels."""
MAX_PIXELS = 3840 * 2160
_SHAPES: Mapping[str, Fraction] = {
    "16:9": Fraction(16, 9),
    "9:16": Fraction(9, 16),
    "1:1": Fraction(1),
    "4:5": Fraction(4, 5),
}


def canvas(source: Size, aspect: str | None, resolution: str | None) -> Size:
    """The size of the film. Both sides are even: H.264 in 4:2:0 has no others.

    A shape keeps the short side: 1920x1080 becomes 1080x1920 in 9:16.

    Raises:
        Unresolvable: larger than 4K.
    """
    if resolution is not None:
        width, height = map(int, resolution.split("x"))
        return _checked((_even(width), _even(height)))
    if aspect is None or aspect == "source":
        return _even(source[0]), _even(source[1])
    shape, short = _SHAPES[aspect], min(source)
    wide, high = max(shape, Fraction(1)), max(1 / shape, Fraction(1))
    return _checked((_even(float(short * wide)), _even(float(short * high))))


def _checked(size: Size) -> Size:
    if size[0] * size[1] > MAX_PIXELS:
        raise Unresolvable(
            f"A film of {size[0]}x{size[1]} has more than {MAX_PIXELS:,} pixels a frame.",
            param="resolution",
            hint="3840x2160 is the most.",
        )
    return size


def placed(source: Size, onto: Size, fit: Literal["crop", "pad"]) -> Size:
    """How large a picture is scaled, to fill the frame or to lie within it."""
    shares = onto[0] / source[0], onto[1] / source[1]
    share = max(shares) if fit == "crop" else min(shares)
    width, height = (_even(side * share) for side in source)
    if fit == "crop":
        return max(width, onto[0]), max(height, onto[1])
    return min(width, onto[0]), min(height, onto[1])


def filters(source: Size, onto: Size, fit: Literal["crop", "pad"], focus: float) -> list[str]:
    """For ffmpeg. A source is scaled from its shown size: pixels that are not square become so."""
    width, height = placed(source, onto, fit)
    steps = [f"scale={width}:{height}:flags=bicubic"]
    if fit == "crop" and (width, height) != onto:
        x, y = round((width - onto[0]) * focus), round((height - onto[1]) * focus)
        steps.append(f"crop={onto[0]}:{onto[1]}:{x}:{y}")
    if fit == "pad" and (width, height) != onto:
        steps.append(f"pad={onto[0]}:{onto[1]}:(ow-iw)/2:(oh-ih)/2")
    return [*steps, "setsar=1", "format=yuv420p"]


def _even(side: float) -> int:
    return max(2, round(side / 2) * 2)
