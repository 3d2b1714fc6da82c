"""Frames that lie far in a video, without decoding all that comes before them.

A frame is named by its number at a steady rate, counted from the first one. FFmpeg is sent to a
moment before it and lands on a key frame there; times stay those of the file, and of the steady
frames those are kept whose times are right. So they are the same to the bit as where all is
decoded. Where none comes in its time, as from a stream without key frames, whose pictures are
renewed part by part, more must be decoded.
"""

from dataclasses import dataclass
from fractions import Fraction
from math import floor

from common.media.video.header import FirstFrame

RUN_UPS = (0.5, 20.0, None)
"""Seconds of the video that are decoded before the frame, at least; tried one after the other.
None: from the beginning."""
_REORDERED = 2
"""Frames, too: those around a key frame may lean on ones before it."""


@dataclass(frozen=True)
class Seek:
    """Where reading begins, and which steady frames are kept: ``first`` up to ``end``."""

    seconds: float
    """From the start of the file."""
    first: int
    end: int

    @property
    def options(self) -> tuple[str, ...]:
        """For the input."""
        keep_times = ("-copyts", "-start_at_zero")
        return (*keep_times, "-noaccurate_seek", "-ss", f"{self.seconds:.6f}")

    @property
    def filters(self) -> tuple[str, ...]:
        """For steady frames: one is a unit of time there."""
        return (f"trim=start_pts={self.first}:end_pts={self.end}",)


def seek_to(
    frame: FirstFrame, fps: Fraction, start: int, count: int, run_up: float | None
) -> Seek | None:
    """The way to ``count`` frames from ``start`` on; None where all before it is decoded anyway."""
    if run_up is None:
        return None
    first = _nearest(frame.seconds * fps) + start
    seconds = float((first - _REORDERED) / fps) - run_up
    return Seek(seconds, first, first + count) if start and seconds > 0 else None


def _nearest(number: Fraction) -> int:
    """Halves go away from zero, as in FFmpeg."""
    away = 1 if number >= 0 else -1
    return away * floor(abs(number) + Fraction(1, 2))
