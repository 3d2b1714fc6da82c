"""The sound of a file for who listens to it: a piece at a time, cut where nobody speaks.

Four hours at 16 kHz are 920 MB, and a spectrum of them is several times that. A piece of ten
minutes takes 38 MB, whatever the file's length; nobody notices where one ends.
"""

import resource
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np

from common.base.errors import EncodingFailed
from common.media.video.stream import decoding
from studio.rendering.allowed import BOUNDS, DECODING
from studio.rendering.ffmpeg import ADDRESS_BYTES

if TYPE_CHECKING:
    from numpy.typing import NDArray

SAMPLE_RATE = 16_000
"""Hz. Whisper's own."""
PIECE_SECONDS = 600.0
SEARCHED_SECONDS = 60.0
"""At the end of a piece, for a quiet place to cut it."""
PAUSE_SECONDS = 0.4

_FLOAT32_BYTES = 4
_FROM_THE_START = f"aresample={SAMPLE_RATE}:async=1:first_pts=0"
"""Sound that begins after the picture, or has gaps, keeps its place: what is missing is silence."""


@dataclass(frozen=True)
class Piece:
    """A part of the sound: float32 samples [N] in one channel, 16 kHz, from -1 to 1."""

    start: float
    """Seconds from the beginning of the file."""
    samples: "NDArray[np.float32]"

    @property
    def end(self) -> float:
        return self.start + len(self.samples) / SAMPLE_RATE


def pieces(path: Path, piece_seconds: float = PIECE_SECONDS) -> Iterator[Piece]:
    """The first sound of a file. Decoding goes on as the pieces are used.

    Raises:
        EncodingFailed: nothing of it can be decoded.
        FileNotFoundError: it has gone.
    """
    from imageio_ffmpeg import get_ffmpeg_exe

    quiet = [get_ffmpeg_exe(), "-hide_banner", "-nostdin", "-loglevel", "error", *BOUNDS]
    chosen = [*DECODING, "-i", "fd:", "-map", "0:a:0", "-af", _FROM_THE_START]
    command = [*quiet, *chosen, "-ac", "1", "-f", "f32le", "-"]
    limits = {resource.RLIMIT_AS: ADDRESS_BYTES, resource.RLIMIT_CORE: 0}
    empty = True
    with path.open("rb") as file, decoding(command, file.fileno(), limits) as sound:
        for piece in cut(sound, piece_seconds):
            empty = False
            yield piece
    if empty:
        raise EncodingFailed("The sound of the file cannot be decoded.", hint="Encode it anew.")


def cut(sound: IO[bytes], piece_seconds: float) -> Iterator[Piece]:
    """Float32 samples as they come, in pieces of nearly ``piece_seconds``."""
    most = round(piece_seconds * SAMPLE_RATE)
    start, samples = 0, np.empty(0, np.float32)
    while True:
        data = sound.read((most - len(samples)) * _FLOAT32_BYTES)
        new = np.frombuffer(data[: len(data) // _FLOAT32_BYTES * _FLOAT32_BYTES], "<f4")
        samples = np.concatenate([samples, new])
        whole = len(samples) < most  # the sound has ended
        end = len(samples) if whole else quietest(samples)
        if end:
            yield Piece(start / SAMPLE_RATE, samples[:end])
        if whole:
            return
        start, samples = start + end, samples[end:].copy()


def quietest(samples: "NDArray[np.float32]") -> int:
    """The middle of the quietest pause near the end: the number of its sample."""
    width = round(PAUSE_SECONDS * SAMPLE_RATE)
    first = max(len(samples) // 2, len(samples) - round(SEARCHED_SECONDS * SAMPLE_RATE))
    powers = np.cumsum(np.square(samples[first:], dtype=np.float64))
    if len(powers) <= width:
        return len(samples)
    quiet = powers[width:] - powers[:-width]
    return first + int(np.argmin(quiet)) + width // 2
