"""What a model is shown of the pictures and videos that a request names, as arrays. No torch."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from common.kinds.video.resolved import ResolvedRequest
from common.media.video.chain import Take
from common.media.video.stream import stream_frames
from common.runtime.images import load_image
from common.runtime.videos import load_video

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def beginning(request: ResolvedRequest) -> "NDArray[np.uint8] | None":
    """The frames that the clip begins with, uint8 [T, height, width, 3]; None where there are none.

    One of a picture, ``video_frames`` of a video that goes on.

    Raises:
        OSError: the file is missing.
        InvalidRequest: it cannot be decoded.
    """
    if request.image is not None:
        return load_image(request.image, request.width, request.height)[None]
    seen, unseen = request.video_frames, request.extend_frames - request.video_frames
    if request.extend is not None:
        return _frames(request.extend, request, seen, start=unseen)
    if request.video is not None and seen:
        return _frames(request.video, request, seen)
    return None


def control(request: ResolvedRequest) -> "NDArray[np.uint8] | None":
    """The frames that the clip follows, uint8 [num_frames, height, width, 3]; None without any.

    Raises as ``beginning`` does.
    """
    if request.video is None or not request.follows:
        return None
    return _frames(request.video, request, request.num_frames)


def source(request: ResolvedRequest) -> "NDArray[np.uint8] | None":
    """The frames that are made anew, all or some, uint8 [num_frames, height, width, 3].

    None where there are none. Raises as ``beginning`` does.
    """
    path = request.retake or (request.video if request.strength is not None else None)
    if path is None:
        return None
    return _frames(path, request, request.num_frames)


def whole(request: ResolvedRequest) -> "Iterator[NDArray[np.uint8]]":
    """The frames of ``video`` one by one, as they are, uint8 [1, height, width, 3].

    Raises:
        EncodingFailed: it breaks off.
        FileNotFoundError: it has gone.
        InvalidRequest: it cannot be decoded.
    """
    assert request.video is not None  # noqa: S101  # or there is nothing to make larger
    size = (request.width, request.height)
    return stream_frames(request.video, Take(request.fps, request.num_frames, *size))


def _frames(
    path: Path, request: ResolvedRequest, count: int, start: int = 0
) -> "NDArray[np.uint8]":
    return load_video(
        path,
        num_frames=count,
        width=request.width,
        height=request.height,
        fps=request.fps,
        start=start,
    )
