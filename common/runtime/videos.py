"""Input videos, as a model wants them. Needs FFmpeg and numpy, no torch."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from common.base.errors import InvalidRequest
from common.media.video.chain import Take
from common.media.video.reader import MAX_PIXELS, read_frames, read_header

if TYPE_CHECKING:
    from numpy.typing import NDArray


def load_video(
    path: Path, *, num_frames: int, width: int, height: int, fps: float, start: int = 0
) -> "NDArray[np.uint8]":
    """The frames of a video at ``fps`` from ``start`` on: RGB uint8 [num_frames, height, width, 3].

    Colours and orientation are those a player shows. The frames are scaled to the size (bicubic),
    whatever their shape: nothing is cut off.

    Raises:
        OSError: the file is missing.
        InvalidRequest: it does not hold so many frames that can be decoded.
    """
    take = Take(fps, num_frames, width, height, start)
    with path.open("rb") as file:
        decoded = _decoded(file.fileno(), take)
    if len(decoded) != num_frames * take.bytes_a_frame:
        raise InvalidRequest(
            f"{num_frames} frames of the video could not be decoded, from frame {start} on.",
            param="video",
            hint="Send it again; if that fails too, write it anew as MP4 with H.264.",
        )
    frames = np.frombuffer(decoded, np.uint8).copy()  # torch wants memory that it may write
    return frames.reshape(num_frames, height, width, 3)


def _decoded(file: int, take: Take) -> bytes:
    """Empty where it was damaged on disk since it was accepted."""
    try:
        track = read_header(file, MAX_PIXELS).video
        return b"" if track is None else read_frames(file, track, take).output
    except InvalidRequest:
        return b""
