"""Many frames of a finished video on one picture, to look through it at a glance.

OpenCV takes tens of megabytes and threads, so it works in a child process that ends with the
sheet: ``python -m common.media.spritesheet VIDEO SHEET``.
"""

import logging
import math
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from common.base.disk import disk_named, storage_full
from common.base.errors import EncodingFailed, FileGone, StorageFull

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

logger = logging.getLogger("videosdgx.media")

CELLS = 16
COLUMNS = 4
CELL_LONG_SIDE = 320
"""Pixels."""

_JPEG_QUALITY = 85
_TIMEOUT_SECONDS = 60.0
_DISK_FULL = 3
"""The child's exit status, where the disk was full."""


def make_spritesheet(video: Path, sheet: Path) -> None:
    """Write ``sheet``, a JPEG of up to 16 frames of ``video``, evenly spread, four in a row.

    The first and the last frame are among them. It appears whole or not at all. Blocks, for less
    than a second where the video is short.

    Raises:
        FileGone: the video was removed meanwhile.
        StorageFull: the disk is full.
        EncodingFailed: the video cannot be read.
    """
    command = [sys.executable, "-m", __name__, str(video), str(sheet)]
    try:
        child = subprocess.run(command, capture_output=True, timeout=_TIMEOUT_SECONDS, check=False)
    except subprocess.TimeoutExpired as exc:
        raise EncodingFailed("The spritesheet took too long to make.") from exc
    if child.returncode == _DISK_FULL:
        raise storage_full()
    if not video.is_file():
        raise FileGone("The video was removed.", hint="Make the video again.")
    if child.returncode != 0:
        words = child.stderr.decode(errors="replace")
        logger.warning("no spritesheet", extra={"stderr": words[-2000:]})
        raise EncodingFailed("The spritesheet could not be made.")


def frame_indices(num_frames: int) -> list[int]:
    """Which frames are shown: at most ``CELLS``, from the first to the last, each once."""
    count = min(CELLS, num_frames)
    if count <= 1:
        return list(range(count))
    return [round(cell * (num_frames - 1) / (count - 1)) for cell in range(count)]


def tiled(frames: "list[NDArray[np.uint8]]") -> "NDArray[np.uint8]":
    """Put ``frames`` [height, width, 3] of one size into rows of ``COLUMNS``; the rest is black."""
    import numpy as np

    height, width, channels = frames[0].shape
    columns = min(COLUMNS, len(frames))
    rows = math.ceil(len(frames) / columns)
    sheet = np.zeros((rows * height, columns * width, channels), np.uint8)
    for index, frame in enumerate(frames):
        top, left = index // columns * height, index % columns * width
        sheet[top : top + height, left : left + width] = frame
    return sheet


def _read_frames(video: Path) -> "list[NDArray[np.uint8]]":
    import cv2
    import numpy as np

    # One thread: it must not take the cores from a model that works on the CPU.
    capture = cv2.VideoCapture(str(video), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
    frames = []
    for index in frame_indices(int(capture.get(cv2.CAP_PROP_FRAME_COUNT))):
        capture.set(cv2.CAP_PROP_POS_FRAMES, index)
        read, frame = capture.read()
        if read:
            frames.append(_cell(np.asarray(frame, np.uint8)))
    capture.release()
    return frames


def _cell(frame: "NDArray[np.uint8]") -> "NDArray[np.uint8]":
    import cv2
    import numpy as np

    height, width = frame.shape[:2]
    scale = min(1.0, CELL_LONG_SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8)


def _write(video: Path, sheet: Path) -> None:
    import cv2

    frames = _read_frames(video)
    if not frames:
        raise EncodingFailed("The video has no frame that can be read.")
    done, jpeg = cv2.imencode(".jpg", tiled(frames), [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    if not done:
        raise EncodingFailed("The spritesheet could not be made.")
    draft = sheet.with_suffix(".part")
    with disk_named():
        try:
            draft.write_bytes(jpeg.tobytes())
            draft.rename(sheet)
        except OSError:
            draft.unlink(missing_ok=True)
            raise


if __name__ == "__main__":
    try:
        _write(Path(sys.argv[1]), Path(sys.argv[2]))
    except StorageFull:
        sys.exit(_DISK_FULL)
