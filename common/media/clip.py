"""A video as it comes into being, between the model that makes it and the encoder."""

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
