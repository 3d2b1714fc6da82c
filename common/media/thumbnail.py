"""The small picture of a video."""

import contextlib
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from common.base.disk import disk_named
from common.base.errors import VideosDGXError
from common.media.jpeg import as_jpeg

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
