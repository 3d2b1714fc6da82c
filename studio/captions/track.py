"""Captions as SubRip, for a track that holds one at a time."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from studio.captions.cues import Cue


def apart(cues: Sequence[Cue]) -> list[Cue]:
    """In order, each ending before the next begins; what has no time left is left out."""
    if not cues:
        return []
    shorter = (
        cue.model_copy(update={"end": min(cue.end, after.start)}) for cue, after in pairwise(cues)
    )
    return [cue for cue in (*shorter, cues[-1]) if cue.end > cue.start]


def as_srt(cues: Sequence[Cue]) -> str:
    """A whole file."""
    return "\n".join(_blocks(cues))


def _blocks(cues: Sequence[Cue]) -> Iterator[str]:
    for number, cue in enumerate(cues, start=1):
        text = "\n".join(line for line in cue.text.split("\n") if line.strip())
        yield f"{number}\n{_moment(cue.start)} --> {_moment(cue.end)}\n{text}\n"


def _moment(seconds: float) -> str:
    milliseconds = max(0, round(seconds * 1000))
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest // 1000:02},{rest % 1000:03}"
