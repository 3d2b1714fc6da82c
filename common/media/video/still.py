"""One frame of a finished video, as a picture."""

from dataclasses import replace
from pathlib import Path

from common.base.errors import EncodingFailed
from common.media.video.chain import SLACK, Take
from common.media.video.header import Track
from common.media.video.reader import MAX_PIXELS, PNG, SECONDS, read_frames, read_header


def frame_as_png(
    path: Path, take: Take, track: Track | None = None, seconds: float = SECONDS
) -> bytes:
    """The one frame of ``take``; ``track`` is what the file's header says, where that was read.

    It is decoded within ``seconds`` on the clock.

    Raises:
        EncodingFailed: the video breaks off before it.
        FileNotFoundError: it has gone.
        InvalidRequest: it cannot be decoded, or takes too much time or memory.
        Stopping, NoThreads: it was not read.
    """
    take = replace(take, slack=SLACK)
    with path.open("rb") as file:
        track = track or read_header(file.fileno(), MAX_PIXELS).video
        ended = None if track is None else read_frames(file.fileno(), track, take, PNG, seconds)
    if ended is None or ended.status != 0 or not ended.output:
        raise EncodingFailed("The video breaks off before that frame.")
    return ended.output
