"""Frames and sound of a video, as they are needed: films can be long.

Some were uploaded: children know the file that they are given and nothing else, and end with the
length that was judged.
"""

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np

from common.base.bounded_child import bare_environment
from common.base.errors import EncodingFailed
from common.base.limits import held
from common.media.clip import AudioTrack
from common.media.video.chain import SLACK, Take
from common.media.video.reader import CONTAINERS, MAX_PIXELS, frames_command, read_header

if TYPE_CHECKING:
    from numpy.typing import NDArray

_FLOAT32_BYTES = 4


def stream_frames(path: Path, take: Take) -> "Iterator[NDArray[np.uint8]]":
    """Yield the frames of ``take`` one by one, [1, height, width, 3].

    Raises:
        EncodingFailed: it does not hold so many.
        FileNotFoundError: it has gone.
        InvalidRequest: it cannot be decoded.
    """
    shape, done, last = (1, take.height, take.width, 3), 0, b""
    with path.open("rb") as file:
        track = read_header(file.fileno(), MAX_PIXELS).video
        if track is None:
            raise _broken_off()
        with decoding(frames_command(track, take), file.fileno()) as frames:
            while len(data := frames.read(take.bytes_a_frame)) == take.bytes_a_frame:
                yield np.frombuffer(data, np.uint8).reshape(shape)
                done, last = done + 1, data
    if not take.count - SLACK <= done <= take.count:
        raise _broken_off()
    for _ in range(take.count - done):
        yield np.frombuffer(last, np.uint8).reshape(shape)


def read_sound(path: Path, sample_rate: int, channels: int, seconds: float) -> AudioTrack:
    """The first ``seconds`` of its first sound, at a rate in Hz; nothing where it has none."""
    from imageio_ffmpeg import get_ffmpeg_exe

    known = ["-protocol_whitelist", "fd", "-format_whitelist", ",".join(CONTAINERS)]
    layout = ["-ar", str(sample_rate), "-ac", str(channels), "-f", "f32le", "-"]
    chosen = ["-i", "fd:", "-map", "0:a:0?", "-t", f"{seconds:.6f}"]
    command = [get_ffmpeg_exe(), "-loglevel", "error", *known, *chosen, *layout]
    most = (round(seconds * sample_rate) + 1) * channels * _FLOAT32_BYTES
    with path.open("rb") as file, decoding(command, file.fileno()) as sound:
        samples = np.frombuffer(sound.read(most), "<f4")
    samples = samples[: len(samples) // channels * channels]
    return AudioTrack(samples.reshape(-1, channels), sample_rate)


@contextmanager
def decoding(
    command: list[str], file: int, limits: Mapping[int, int] | None = None
) -> Iterator[IO[bytes]]:
    """What a child writes that reads ``file``; it ends with the block at the latest.

    ``limits`` are those that the kernel holds it to, by the resources of setrlimit(2).
    """
    os.lseek(file, 0, os.SEEK_SET)  # the child shares our place in the file
    child = subprocess.Popen(
        held(command, limits or {}),
        stdin=file,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=bare_environment(),
        process_group=0,
    )
    assert child.stdout is not None  # noqa: S101  (for the type checker)
    try:
        with child.stdout:
            yield child.stdout
    finally:
        child.kill()
        child.wait()


def _broken_off() -> EncodingFailed:
    return EncodingFailed("The video that this one was made from breaks off.")
