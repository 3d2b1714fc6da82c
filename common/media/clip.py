"""Videos between the models and their files: as one comes into being, and what one continues."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class AudioTrack:
    """``samples`` is float32 in [-1, 1], shape [samples, channels]; ``sample_rate`` in Hz."""

    samples: "NDArray[np.float32]"
    sample_rate: int


class PixelFormat(StrEnum):
    """How a frame lies in memory, by FFmpeg's names."""

    RGB24 = "rgb24"
    """[height, width, 3]."""
    YUV420P = "yuv420p"
    """[height * 3 // 2, width]: Y [height, width], then all of U [height / 2, width / 2], then V.

    What encoders take: half the bytes, and nothing left to convert. BT.709, limited range; U and V
    lie at the left of their four pixels, as in H.264 where nothing else is said.
    """

    def shape(self, width: int, height: int) -> tuple[int, ...]:
        """Of one frame."""
        rgb = self is PixelFormat.RGB24
        return (height, width, 3) if rgb else (height * 3 // 2, width)


@dataclass(frozen=True)
class VideoClip:
    """A video as it comes into being.

    ``frames`` yields uint8 chunks [T, ...] of frames in ``pixel_format`` that add up to
    ``num_frames``; it is consumed once, by the encoder, so that encoding overlaps decoding. Audio
    is complete before the first frame is drawn from ``frames``.
    """

    frames: "Iterator[NDArray[np.uint8]]"
    num_frames: int
    width: int
    height: int
    fps: float
    audio: AudioTrack | None = None
    pixel_format: PixelFormat = PixelFormat.RGB24

    @property
    def frame_shape(self) -> tuple[int, ...]:
        """Of one frame, in its pixel format."""
        return self.pixel_format.shape(self.width, self.height)


@dataclass(frozen=True)
class VideoInput:
    """What a checkpoint takes of a video that it continues: the first frames of it, at ``fps``.

    Of ``max_frames`` at most; what is over a multiple of ``frames_step`` is left out.
    """

    fps: float
    min_frames: int
    max_frames: int
    frames_step: int

    def taken(self, num_frames: int) -> int:
        """How many frames of so many at ``fps`` are continued."""
        return min(num_frames, self.max_frames) // self.frames_step * self.frames_step
