"""Pictures as JPEGs of any size."""

from typing import TYPE_CHECKING

from common.base.errors import EncodingFailed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


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
