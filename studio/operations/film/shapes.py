"""What of a picture is shown in a frame of another shape. Pure."""

from dataclasses import dataclass

Size = tuple[int, int]
"""Width and height."""


@dataclass(frozen=True)
class Box:
    """A part of a picture, in its pixels."""

    left: int
    top: int
    width: int
    height: int


def covering(picture: Size, frame: Size) -> Box:
    """The largest part of a picture that has the frame's shape, from its middle.

    Exactly the middle: what is cut away is even, half of it on either side.
    """
    width = min(picture[0], picture[1] * frame[0] / frame[1])
    height = min(picture[1], picture[0] * frame[1] / frame[0])
    sides = _like(picture[0], width), _like(picture[1], height)
    return Box((picture[0] - sides[0]) // 2, (picture[1] - sides[1]) // 2, *sides)


def contained(picture: Size, frame: Size) -> Box:
    """Where the whole picture lies in the frame, as large as it fits, exactly in the middle."""
    scale = min(frame[0] / picture[0], frame[1] / picture[1])
    sides = _like(frame[0], picture[0] * scale), _like(frame[1], picture[1] * scale)
    return Box((frame[0] - sides[0]) // 2, (frame[1] - sides[1]) // 2, *sides)


def _like(whole: int, side: float) -> int:
    """The nearest number of pixels to ``side`` that leaves an even rest of ``whole``."""
    return min(whole, max(whole - 2 * round((whole - side) / 2), 2 - whole % 2))
