"""A picture's file, apart from what it says about itself."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Source:
    """The pixels' file for the decoder, and what decides how they are shown.

    What programs write beside the pixels (texts, thumbnails, cameras' notes) is not in ``file``:
    a decoder cannot stumble over it.
    """

    file: bytes
    icc: bytes | None = None
    """The profile of its colours; None is sRGB."""
    exif: bytes = b""
    """From the TIFF header on."""
    clear: tuple[int, ...] = ()
    """The colour that is transparent, a value for each band; where samples have 16 bits, first the
    high bytes of all bands and then the low ones."""


class Kept:
    """Parts of a file that are kept, in order. Neighbours are one part: there may be millions."""

    def __init__(self, data: bytes) -> None:
        self._data = memoryview(data)
        self._parts: list[tuple[int, int]] = []

    def add(self, start: int, end: int) -> None:
        """Keep the bytes from ``start`` to before ``end``."""
        if self._parts and self._parts[-1][1] == start:
            start = self._parts.pop()[0]
        self._parts.append((start, end))

    def joined(self, end: bytes = b"") -> bytes:
        """The parts, and ``end`` behind them."""
        return b"".join([*(self._data[start:stop] for start, stop in self._parts), end])
