"""Small clips to encode, and the processes that do it."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from common.kinds.video import AudioTrack, VideoClip
from tests.nursery import is_nursery

WIDTH, HEIGHT = 128, 96


def chunks_of(frames: NDArray[np.uint8], size: int) -> Iterator[NDArray[np.uint8]]:
    for start in range(0, len(frames), size):
        yield frames[start : start + size]


def noise(num_frames: int, width: int = WIDTH, height: int = HEIGHT) -> NDArray[np.uint8]:
    shape = (num_frames, height, width, 3)
    return np.random.default_rng(7).integers(0, 256, shape, dtype=np.uint8)


def clip_of(
    frames: NDArray[np.uint8], fps: float = 24, chunk: int = 5, audio: AudioTrack | None = None
) -> VideoClip:
    num_frames, height, width, _ = frames.shape
    return VideoClip(chunks_of(frames, chunk), num_frames, width, height, fps, audio)


def children(of: int) -> list[int]:
    """Process ids whose parent is ``of``, zombies included; not those that services come from."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
            ours = is_nursery(stat.parent)
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[1]) == of and not ours:
            found.append(int(stat.parent.name))
    return found


class Begun:
    """Children of this process that began after this was made: earlier tests may have left some."""

    def __init__(self) -> None:
        self._earlier = frozenset(children(os.getpid()))

    def all(self) -> set[int]:
        return set(children(os.getpid())) - self._earlier

    def only(self) -> int:
        (pid,) = self.all()
        return pid
