"""Videos between the models and their files: as one comes into being, and what one continues."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class AudioTrack:
    """``samples`` is float32 in [-1, 1], shape [samples, channels]; ``sample_rate`` in Hz."""

    samples: "NDArray[np.float32]"
    sample_rate: int


@dataclass(frozen=True)
class VideoClip:
    """A video as it comes into being.

    ``frames`` yields uint8 chunks of shape [T, height, width, 3] that add up to ``num_frames``;
    it is consumed once, by the encoder, so that encoding overlaps decoding. Audio is complete
    before the first frame is drawn from ``frames``.
    """

    frames: "Iterator[NDArray[np.uint8]]"
    num_frames: int
    width: int
    height: int
    fps: float
    audio: AudioTrack | None = None


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
