"""Input videos, as a model wants them. Needs ffmpeg and numpy, no torch."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from common.errors import InvalidRequest
from common.video_reader import first_frames, run_reader

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MAX_PIXELS = 2**26
"""A frame of 8192 x 8192. The operator's own limit was held when the video was accepted."""


def load_video(
    path: Path, *, num_frames: int, width: int, height: int, fps: float
) -> "NDArray[np.uint8]":
    """The first frames of a video at ``fps``: RGB uint8 [num_frames, height, width, 3].

    They are scaled to the size (bicubic), whatever their shape: nothing is cut off.

    Raises:
        OSError: the file is missing.
        InvalidRequest: it does not hold so many frames that can be decoded.
    """
    options = first_frames(fps, num_frames, f"scale={width}:{height}")
    with path.open("rb") as file:
        ended = run_reader(
            file.fileno(),
            [*options, "-pix_fmt", "rgb24", "-f", "rawvideo", "-"],
            max_pixels=_MAX_PIXELS,
        )
    if len(ended.output) != num_frames * height * width * 3:
        raise InvalidRequest(
            f"The video's first {num_frames} frames could not be decoded.",
            param="video",
            hint="Send it again; if that fails too, write it anew as MP4 with H.264.",
        )
    frames = np.frombuffer(ended.output, np.uint8).copy()  # torch wants memory that it may write
    return frames.reshape(num_frames, height, width, 3)
