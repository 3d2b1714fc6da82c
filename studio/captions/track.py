"""Captions as SubRip, for a track that holds one at a time."""

from collections.abc import Iterator, Sequence

from studio.captions.cues import Cue

LEAST_SECONDS = 0.25
"""Nobody reads what is gone sooner."""


def apart(cues: Sequence[Cue]) -> list[Cue]:
    """In order, each ending before the next begins, and none left out.

    What would be cut to less than ``LEAST_SECONDS``, as of two speakers or in two languages, is
    shown with what follows it: line under line.
    """
    shown = list[Cue]()
    for cue in sorted(cues, key=lambda cue: cue.start):
        if cue.end <= cue.start:
            cue = cue.model_copy(update={"end": cue.start + LEAST_SECONDS})
        before = shown[-1] if shown else None
        if before is None or cue.start >= before.end:
            shown.append(cue)
        elif cue.start - before.start < LEAST_SECONDS:
            shown[-1] = _together(before, cue)
        else:
            shown[-1:] = [before.model_copy(update={"end": cue.start}), cue]
    return shown


def _together(first: Cue, second: Cue) -> Cue:
    lines = dict.fromkeys([*first.text.split("\n"), *second.text.split("\n")])
    end = max(first.end, second.end)
    return first.model_copy(update={"end": end, "text": "\n".join(lines), "words": ()})


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
