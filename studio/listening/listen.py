"""From a file to its transcript, whoever listens."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from common.contract import JobContext, Phase
from studio.captions.cues import Transcript
from studio.listening.heard import Segment
from studio.listening.languages import UNKNOWN
from studio.listening.pauses import placed, stretches
from studio.listening.repairs import cues_of
from studio.listening.sound import PIECE_SECONDS, pieces
from studio.listening.wish import Wish

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_STEPS_A_SECOND = 10


@dataclass(frozen=True)
class Hearing:
    """One piece of sound, listened to."""

    language: str
    """Of what is spoken: asked for, or found out."""
    segments: Iterator[Segment]
    """As they are heard, each when it is drawn."""


class Listener(Protocol):
    """A model that listens."""

    def hear(self, samples: "NDArray[np.float32]", wish: Wish) -> Hearing:
        """What is said in float32 samples [N], one channel, 16 kHz."""


def listen(
    listener: Listener,
    path: Path,
    seconds: float,
    wish: Wish,
    context: JobContext,
    *,
    piece_seconds: float = PIECE_SECONDS,
) -> Transcript:
    """All that is said in a file that is about ``seconds`` long.

    Raises:
        EncodingFailed: it has no sound that can be decoded.
        JobCancelled, JobReleased: from the context, between two segments.
    """
    segments, heard = list[Segment](), 0.0
    language = wish.language
    for piece in pieces(path, piece_seconds):
        _tell(context, piece.start, seconds)
        hearing = listener.hear(piece.samples, wish.model_copy(update={"language": language}))
        said = list[Segment]()
        for segment in hearing.segments:
            said.append(segment)
            _tell(context, piece.start + segment.end, seconds)
        if said:
            language = hearing.language  # in silence it is a guess
        segments += [one.later(piece.start) for one in placed(said, stretches(piece.samples))]
        heard = piece.end
    written = "en" if wish.translates else language
    return Transcript(language=written or UNKNOWN, seconds=round(heard, 3), cues=cues_of(segments))


def _tell(context: JobContext, done: float, seconds: float) -> None:
    steps = max(1, int(seconds * _STEPS_A_SECOND))
    context.progress(Phase.DENOISING, min(steps, int(done * _STEPS_A_SECOND)), steps)
    context.raise_if_cancelled()
