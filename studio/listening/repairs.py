"""Puts right what speech models are known to get wrong: word times, and words that nobody said.

- Numbers and signs may have no times (whisperX, issues 559 and 1298): neighbours lend them theirs.
- Words drift out of their segment, overlap, or swallow the pause beside them (issue 1220); what
  can be heard of that is in ``pauses``.
- In silence and in music a model makes words up, or says the same again and again.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from studio.captions.cues import Cue, Measures, Word
from studio.listening.heard import HeardWord, Segment

MAX_WORD_SECONDS = 2.0
"""A longer word has a pause in it."""
SECONDS_A_LETTER = 0.12
"""Slow speech has eight letters a second. What is cut back keeps as much, and this at least:"""
MIN_WORD_SECONDS = 0.3

NO_SPEECH, MADE_UP_LOGPROB = 0.6, -1.0
REPETITIVE = 2.4
"""Whisper's own thresholds (arXiv 2212.04356, section 4.5, and its code): it tries again beyond
them, and writes what it then has; here that is dropped."""
LOOP = 4
"""The same this often, one behind the other, is a model in a loop and no speaker."""

_SIGNS = re.compile(r"^[^\w$€£#@°+]+|[^\w$€£%°+]+$")
"""At the edges of a word: no part of it."""


def cues_of(segments: Iterable[Segment]) -> tuple[Cue, ...]:
    """What was said, put right."""
    cues, latest = list[Cue](), 0.0
    for segment in _without_repeats([one for one in segments if not is_made_up(one)]):
        cue = cue_of(segment, latest)
        if cue is not None:
            cues.append(cue)
            latest = cue.end
    return tuple(cues)


def bare(text: str) -> str:
    """Without the spaces and signs around it."""
    return _SIGNS.sub("", text)


def is_made_up(segment: Segment) -> bool:
    """Whether the model itself hardly believes that somebody spoke."""
    silent = segment.no_speech_prob > NO_SPEECH and segment.avg_logprob < MADE_UP_LOGPROB
    return silent or not bare(segment.text)


def cue_of(segment: Segment, earliest: float = 0.0) -> Cue | None:
    """A segment whose words lie in it, in order, and after ``earliest``; None if none is left."""
    segment = _without_loop(segment)
    start = round(max(earliest, segment.start), 3)
    end = round(max(start, segment.end), 3)
    words = in_order(cut_back(filled(segment.words, start, end)), start, end)
    if words:  # the segment's own times have the same faults
        start, end = words[0].start, words[-1].end
    if end <= start:
        return None
    measures = Measures(
        avg_logprob=segment.avg_logprob,
        no_speech_prob=segment.no_speech_prob,
        compression_ratio=segment.compression_ratio,
        temperature=segment.temperature,
    )
    return Cue(start=start, end=end, text=segment.text.strip(), words=words, measures=measures)


def filled(words: Sequence[HeardWord], start: float, end: float) -> tuple[Word, ...]:
    """With times for all: what has none shares evenly what its neighbours leave.

    Where two neighbours leave nothing, the one before gives a part of its own time.
    """
    done = list[Word]()
    for is_known, group in groupby(words, _has_time):
        run = list(group)
        if is_known:
            done += [_word(word, word.start or 0.0, word.end or 0.0) for word in run]
            continue
        after = words[len(done) + len(run) :]
        last = end if not after else after[0].start or 0.0
        first = done[-1].end if done else start
        if done and last - first < MIN_WORD_SECONDS:
            fair = done[-1].start + (last - done[-1].start) / (len(run) + 1)
            first = max(fair, last - MIN_WORD_SECONDS * len(run))
            done[-1] = done[-1].model_copy(update={"end": first})
        share = max(0.0, last - first) / len(run)
        done += [
            _word(word, first + share * n, first + share * (n + 1)) for n, word in enumerate(run)
        ]
    return tuple(word for word in done if word.text)


def _has_time(word: HeardWord) -> bool:
    return None not in (word.start, word.end) and word.start != word.end


def cut_back(words: Sequence[Word]) -> tuple[Word, ...]:
    """Without the pauses that words have swallowed: the first one's lies before it."""
    return tuple(_shorter(word, first=number == 0) for number, word in enumerate(words))


def _shorter(word: Word, *, first: bool) -> Word:
    if word.end - word.start <= MAX_WORD_SECONDS:
        return word
    seconds = max(MIN_WORD_SECONDS, SECONDS_A_LETTER * len(word.text))
    if first:
        return word.model_copy(update={"start": word.end - seconds})
    return word.model_copy(update={"end": word.start + seconds})


def in_order(words: Iterable[Word], start: float, end: float) -> tuple[Word, ...]:
    """Within ``start`` and ``end``, and none begins before the one before it ends."""
    done, latest = list[Word](), start
    for word in words:
        begin = round(min(max(word.start, latest), end), 3)
        latest = round(min(max(word.end, begin), end), 3)
        done.append(word.model_copy(update={"start": begin, "end": latest}))
    return tuple(done)


def _word(word: HeardWord, start: float, end: float) -> Word:
    text = bare(word.text)
    return Word(start=start, end=end, text=text, probability=round(word.probability, 4))


def _without_repeats(segments: Sequence[Segment]) -> Iterator[Segment]:
    """A text that comes again and again is said once: where it came first."""
    for _, group in groupby(segments, lambda segment: _plain(segment.text)):
        run = list(group)
        yield from run[:1] if len(run) >= LOOP else run


def _without_loop(segment: Segment) -> Segment:
    """A phrase that comes again and again within a repetitive segment is said once."""
    if segment.compression_ratio <= REPETITIVE:
        return segment
    words = segment.words or tuple(
        HeardWord(f" {word}", None, None) for word in segment.text.split()
    )
    kept = _once([_plain(word.text) for word in words])
    if len(kept) == len(words):
        return segment
    text = "".join(words[number].text for number in kept)
    return replace(segment, text=text, words=tuple(words[number] for number in kept))


def _once(words: Sequence[str]) -> list[int]:
    """The numbers of those that stay where a phrase is repeated."""
    kept, at = list[int](), 0
    while at < len(words):
        length = next(
            (n for n in range(1, (len(words) - at) // LOOP + 1) if _loops(words, at, n)), 0
        )
        kept += range(at, at + max(1, length))
        at += length or 1
        while length and words[at : at + length] == words[at - length : at]:
            at += length
    return kept


def _loops(words: Sequence[str], at: int, length: int) -> bool:
    phrase = list(words[at : at + length])
    return list(words[at : at + length * LOOP]) == phrase * LOOP


def _plain(text: str) -> str:
    return bare(" ".join(text.lower().split()))
