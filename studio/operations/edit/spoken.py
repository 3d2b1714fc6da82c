"""What was heard in a source, at the times that it is heard in the film."""

from collections.abc import Iterator

from studio.captions.cues import Cue, Word
from studio.operations.edit.plan import EditPlan, Span, Take


def on_timeline(cues: tuple[Cue, ...], source: str, plan: EditPlan) -> tuple[Cue, ...]:
    """Cues of ``source`` as the film has them: once for each take that plays them.

    A word belongs to the span that has its middle, and is cut to it.
    """
    placed, begin = list[Cue](), 0
    for take in plan.takes:
        if take.source == source and not take.mute:
            placed += _of_take(cues, take, begin, float(plan.rate))
        begin += take.frames
    return tuple(placed)


def _of_take(cues: tuple[Cue, ...], take: Take, begin: int, rate: float) -> Iterator[Cue]:
    for cue in cues:
        if not cue.words:
            times = _times(cue.start, cue.end, take, begin, rate)
            if times is not None:
                yield cue.model_copy(update={"start": times[0], "end": times[1]})
            continue
        words = [moved for word in cue.words if (moved := _word(word, take, begin, rate))]
        if words:
            whole = len(words) == len(cue.words)
            text = cue.text if whole else " ".join(word.text for word in words)
            yield Cue(start=words[0].start, end=words[-1].end, text=text, words=tuple(words))


def _word(word: Word, take: Take, begin: int, rate: float) -> Word | None:
    times = _times(word.start, word.end, take, begin, rate)
    return word.model_copy(update={"start": times[0], "end": times[1]}) if times else None


def _times(
    start: float, end: float, take: Take, begin: int, rate: float
) -> tuple[float, float] | None:
    """Seconds of the film; None where it is cut."""
    middle, before = (start + end) / 2 * rate, 0
    for span in take.spans:
        if span.start <= middle < span.end:
            first, last = (_in(span, seconds * rate) + before for seconds in (start, end))
            return (begin + first / take.speed) / rate, (begin + last / take.speed) / rate
        before += span.frames
    return None


def _in(span: Span, frame: float) -> float:
    """Frames behind its beginning."""
    return min(max(frame, span.start), span.end) - span.start
