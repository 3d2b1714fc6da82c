"""What of a caption is on the screen, and when: words, lines and screens. Text in, text out."""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise, zip_longest

from studio.captions.cues import Cue, Word

LINE_CHARS = 42
"""Of a line, and two lines at once: the BBC's and Netflix's rule for subtitles."""
LINES = 2

_PIECES = re.compile(rf"\S{{1,{LINE_CHARS}}}\s*")
"""Words; what goes on without a space is cut where a line ends."""
_SAYS = re.compile(r"\w")


def one_line(text: str) -> str:
    """The text without line breaks and double spaces."""
    return " ".join(text.split())


def spelled(cue: Cue) -> tuple[Word, ...]:
    """The whole text word by word, signs and spaces included, each with its time.

    Where the words no longer spell the text, since somebody has changed it, its time is split
    evenly.
    """
    text = one_line(cue.text)
    cuts = _cuts(text, cue.words)
    if cuts is None:
        return _evenly(text, cue)
    spans = pairwise([0, *cuts, len(text)])
    return tuple(
        word.model_copy(update={"text": text[start:end]})
        for word, (start, end) in zip(cue.words, spans, strict=True)
    )


def screens(cues: Iterable[Cue], chars: int = LINE_CHARS) -> Iterator[Cue]:
    """The same, cut into what stands on the screen at once: two lines of ``chars`` at most.

    Their words have the spaces, signs and line breaks that follow them: together they are the text.
    """
    for cue in cues:
        lines = _lines(spelled(cue), chars)
        shown = [_screen(cue, lines[at : at + LINES]) for at in range(0, len(lines), LINES)]
        if shown:
            shown[0] = shown[0].model_copy(update={"start": cue.start})
            shown[-1] = shown[-1].model_copy(update={"end": cue.end})
        yield from shown


def spoken_screens(cues: Iterable[Cue], chars: int = LINE_CHARS) -> Iterator[Cue]:
    """What was heard, as ``screens`` has it. Captions that somebody wrote stay as they are."""
    for cue in cues:
        yield from screens([cue], chars) if cue.words else (cue,)


def rounded(cues: Iterable[Cue], a_second: int) -> Iterator[tuple[int, int, Cue]]:
    """Each cue with its start and end in so many parts of a second: no two overlap, none is empty.

    What would overlap ends earlier; what has no time left begins where the one before it ends.
    """
    known = list(cues)
    latest = 0
    for cue, after in zip_longest(known, known[1:]):
        start = max(latest, round(cue.start * a_second))
        end = round(cue.end * a_second)
        if after is not None:
            end = min(end, round(after.start * a_second))
        latest = max(end, start + 1)
        yield start, latest, cue


def _cuts(text: str, words: Sequence[Word]) -> list[int] | None:
    """Where each word but the first begins in the text; None where they do not spell it.

    Signs that lean on a word belong to it: ``said “hello”`` is cut at the space.
    """
    cuts, at = list[int](), 0
    for number, word in enumerate(words):
        found = text.find(word.text, at) if word.text else -1
        if found < 0 or _SAYS.search(text, at, found):
            return None
        if number:
            cuts.append(text.rfind(" ", at, found) + 1 or found)
        at = found + len(word.text)
    return None if not words or _SAYS.search(text, at) else cuts


def _evenly(text: str, cue: Cue) -> tuple[Word, ...]:
    pieces = _PIECES.findall(text)
    share = (cue.end - cue.start) / max(1, len(pieces))
    return tuple(
        Word(start=cue.start + share * n, end=cue.start + share * (n + 1), text=piece)
        for n, piece in enumerate(pieces)
    )


def _lines(words: Sequence[Word], chars: int) -> list[tuple[Word, ...]]:
    """As few lines as can be, all of about one length."""
    fewest = len(_filled(words, chars))
    longest = max((len(word.text.rstrip()) for word in words), default=0)
    widths = range(min(longest, chars), chars)
    width = next((n for n in widths if len(_filled(words, n)) == fewest), chars)
    return _filled(words, width)


def _filled(words: Sequence[Word], width: int) -> list[tuple[Word, ...]]:
    lines, line, long = list[tuple[Word, ...]](), list[Word](), 0
    for word in words:
        if line and long + len(word.text.rstrip()) > width:
            lines.append(tuple(line))
            line, long = [], 0
        line.append(word)
        long += len(word.text)
    return [*lines, tuple(line)] if line else lines


def _screen(cue: Cue, lines: Sequence[Sequence[Word]]) -> Cue:
    words = list[Word]()
    for number, line in enumerate(lines, 1):
        last = line[-1].text.rstrip() + ("\n" if number < len(lines) else "")
        words += [*line[:-1], line[-1].model_copy(update={"text": last})]
    text = "".join(word.text for word in words)
    span = {"start": words[0].start, "end": words[-1].end}
    return cue.model_copy(update={**span, "text": text, "words": tuple(words)})
