"""What a video says of itself, as the child that opened it reports."""

from fractions import Fraction

from pydantic import BaseModel, ConfigDict

_LARGEST_PIXEL_SHAPE = 4.0
"""Of real videos, 2.22 is the most (720 x 576 for 16:9 in half the lines): more is a slip."""
_UPRIGHT = 180


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class FirstFrame(_Record):
    """How a decoded frame is to be shown. Colours are numbers of ITU-T H.273, 2 for untold.

    ``levels`` are FFmpeg's: 0 for untold, 1 for 16 to 235, 2 for 0 to 255. ``pts`` is when it is
    shown after the file begins, in parts of a second of which ``time_base`` is one.
    """

    rotation: int
    """Degrees."""
    interlaced: bool
    rgb: bool
    alpha: bool
    matrix: int
    levels: int
    primaries: int
    transfer: int
    pts: int = 0
    time_base: tuple[int, int] = (1, 1)

    @property
    def seconds(self) -> Fraction:
        """When it is shown, after the file begins."""
        return self.pts * Fraction(*self.time_base)


class Track(_Record):
    """The video that a player shows of those in a file.

    ``width`` and ``height`` are those of a frame as it is stored, ``pixel_shape`` is the width of
    a pixel over its height.
    """

    index: int
    codec: str
    width: int
    height: int
    pixel_shape: float
    seconds: float | None
    rate: float | None = None
    """Frames a second, on average."""
    alpha_beside: bool
    """Each frame has a second one, of how opaque it is."""
    frame: FirstFrame | None
    """None where it could not be decoded, or its codec is not allowed."""

    @property
    def shown_size(self) -> tuple[int, int]:
        """Width and height as a player shows it: in square pixels, none lost, upright."""
        shape = self.pixel_shape
        if not 1 / _LARGEST_PIXEL_SHAPE <= shape <= _LARGEST_PIXEL_SHAPE:
            shape = 1.0
        width, height = round(self.width * max(1.0, shape)), round(self.height / min(1.0, shape))
        turned = self.frame is not None and self.frame.rotation % _UPRIGHT != 0
        return (height, width) if turned else (width, height)


class Sound(_Record):
    """The sound that a player lets hear."""

    codec: str
    channels: int
    sample_rate: int
    seconds: float | None


class Header(_Record):
    """A file: FFmpeg's name of its format, and its length where it is told."""

    format: str
    seconds: float | None
    video: Track | None
    sound: Sound | None = None

    @property
    def length(self) -> float | None:
        """Seconds of the video, else of the file; recorders that stream tell neither."""
        own = self.video.seconds if self.video else None
        return self.seconds if own is None else own
