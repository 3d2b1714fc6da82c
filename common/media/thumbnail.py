"""Small pictures of a video: its thumbnail, and JPEGs of any size."""

import contextlib
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from common.base.disk import disk_named
from common.base.errors import EncodingFailed, VideosDGXError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

logger = logging.getLogger("videosdgx.media")

_LONG_SIDE = 512
_JPEG_QUALITY = 88


def write_thumbnail(frame: "NDArray[np.uint8]", path: Path) -> None:
    """Write RGB ``frame`` [height, width, 3] as a JPEG of at most 512 pixels on the long side.

    Raises:
        StorageFull, StorageUnavailable: see ``disk_named``.
        EncodingFailed: the frame cannot be made into a JPEG.
    """
    scale = min(1.0, _LONG_SIDE / max(frame.shape[:2]))
    jpeg = as_jpeg(frame, scale, _JPEG_QUALITY)
    with disk_named():
        path.write_bytes(jpeg)


def try_thumbnail(frame: "NDArray[np.uint8]", path: Path, job_id: str) -> None:
    """The same for a job: its video is whole without one."""
    try:
        write_thumbnail(frame, path)
    except Exception as exc:  # whatever it is
        told = isinstance(exc, VideosDGXError)  # a disk says all in its own words
        reason = {"job_id": job_id, "reason": str(exc)}
        logger.warning("no thumbnail", exc_info=None if told else exc, extra=reason)
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


def as_jpeg(frame: "NDArray[np.uint8]", scale: float, quality: int) -> bytes:
    """RGB ``frame`` [height, width, 3], made ``scale`` times as large, as a JPEG.

    Raises:
        EncodingFailed: the frame cannot be made into a JPEG.
    """
    import cv2  # tens of MB: the API process imports this package too

    height, width = frame.shape[:2]
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    small = frame if scale == 1 else cv2.resize(frame, size, interpolation=how)
    picture = cv2.cvtColor(small, cv2.COLOR_RGB2BGR)
    # Encoded in memory and written by us: cv2.imwrite says False for a full disk, not why.
    done, jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise EncodingFailed("The picture could not be made into a JPEG.")
    return bytes(jpeg.tobytes())
