"""Frames that wait on disk, so that whoever made them need not."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

import numpy as np
from numpy.typing import NDArray

from common.base.disk import disk_named
from common.base.errors import EncodingFailed
from common.media.clip import VideoClip


def spooled(clip: VideoClip, folder: Path, on_chunk: Callable[[], None]) -> VideoClip:
    """The same clip with all of its frames drawn, in an unnamed file of ``folder``.

    Raises:
        EncodingFailed: they are not what the clip says.
        StorageFull, StorageUnavailable: the disk, which is that of the outputs.
    """
    with disk_named():
        file = TemporaryFile(dir=folder)  # noqa: SIM115  # it lives as long as the frames
    try:
        _write(clip, file, on_chunk)
    except BaseException:
        file.close()
        raise
    return replace(clip, frames=_read(file, (clip.height, clip.width, 3)))


def _write(clip: VideoClip, file: IO[bytes], on_chunk: Callable[[], None]) -> None:
    size = 0
    for chunk in clip.frames:
        if chunk.dtype != np.uint8 or chunk.shape[1:] != (clip.height, clip.width, 3):
            raise EncodingFailed("The model returned frames of the wrong size or type.")
        with disk_named():
            size += file.write(np.ascontiguousarray(chunk).data)
        on_chunk()
    if size != clip.num_frames * clip.height * clip.width * 3:
        raise EncodingFailed("The video did not get the number of frames that it must have.")


def _read(file: IO[bytes], shape: tuple[int, int, int]) -> Iterator[NDArray[np.uint8]]:
    """One frame at a time, [1, height, width, 3]."""
    with file:
        file.seek(0)
        while data := file.read(int(np.prod(shape))):
            yield np.frombuffer(data, np.uint8).reshape(1, *shape)
