"""Places the words where something can be heard.

Whisper's attention says which word it is, and only roughly when: at a pause it gives the silence to
the word beside it, or it is late, up to half a second each. Where sound and silence can be told
apart, by nothing but their power, the words go to the stretches of sound, in order, and the first
and last word of a stretch begin and end with it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from studio.listening.heard import HeardWord, Segment
from studio.listening.sound import SAMPLE_RATE

if TYPE_CHECKING:
    from numpy.typing import NDArray

FRAMES_A_SECOND = 100
QUIETER_BY_DB = 30.0
"""Than the loud parts: the weakest consonants are about as much weaker than vowels."""
CLEAR_DB = 20.0
"""Between loud and quiet parts at least: else something else is heard all the time."""
ABOVE_NOISE_DB = 6.0
SILENT_DB = -80.0

PAUSE_SECONDS = 0.25
"""Without sound: the closure before a ``t`` takes less."""
CLICK_SECONDS = 0.06
MARGIN = 0.02
"""Seconds that a stretch keeps on either side."""
MAX_SHIFT = 0.5
"""Seconds that a word may be off."""
UNSAID_SECONDS = 0.3
"""What passing over a stretch costs, in seconds that a word is moved: it may be a cough."""


@dataclass(frozen=True)
class Stretch:
    """Sound between two pauses, in seconds."""

    start: float
    end: float

    def distance(self, word: HeardWord) -> float:
        """Seconds from a word that has its times; 0 where they meet."""
        return self._apart(word.start or 0.0, word.end or 0.0)

    def distance_to_middle(self, word: HeardWord) -> float:
        """Of a word: one that has swallowed a pause meets the stretches on both sides of it."""
        middle = ((word.start or 0.0) + (word.end or 0.0)) / 2
        return self._apart(middle, middle)

    def _apart(self, start: float, end: float) -> float:
        return max(0.0, self.start - end, start - self.end)


def stretches(samples: "NDArray[np.float32]") -> list[Stretch]:
    """Of float32 samples [N] at 16 kHz; none where silence cannot be told from what is heard."""
    width = SAMPLE_RATE // FRAMES_A_SECOND
    frames = samples[: len(samples) // width * width].reshape(-1, width)
    if not len(frames):
        return []
    power = np.einsum("tn,tn->t", frames, frames) / width
    decibels = 10 * np.log10(np.maximum(power, 10 ** (SILENT_DB / 10)))
    quiet, loud = np.percentile(decibels, (5, 95))
    if loud - quiet < CLEAR_DB:
        return []
    heard = np.flatnonzero(decibels > max(loud - QUIETER_BY_DB, quiet + ABOVE_NOISE_DB))
    cuts = np.flatnonzero(np.diff(heard) > PAUSE_SECONDS * FRAMES_A_SECOND) + 1
    spans = (
        (part[0] / FRAMES_A_SECOND, (part[-1] + 1) / FRAMES_A_SECOND)
        for part in np.split(heard, cuts)
    )
    return [
        Stretch(float(start) - MARGIN, float(end) + MARGIN)
        for start, end in spans
        if end - start > CLICK_SECONDS
    ]


def placed(segments: Sequence[Segment], sounds: Sequence[Stretch]) -> list[Segment]:
    """All segments of one piece, their words where the sound is."""
    words = [word for segment in segments for word in segment.words]
    known = [number for number, word in enumerate(words) if None not in (word.start, word.end)]
    choice = _chosen([words[number] for number in known], sounds)
    for at, group in groupby(zip(known, choice, strict=True), lambda pair: pair[1]):
        numbers = [number for number, _ in group]
        if at is not None:
            own = _within([words[number] for number in numbers], sounds[at])
            for number, word in zip(numbers, own, strict=True):
                words[number] = word
    rest = iter(words)
    return [_around(segment, tuple(next(rest) for _ in segment.words)) for segment in segments]


def _around(segment: Segment, words: tuple[HeardWord, ...]) -> Segment:
    """A segment lasts as long as its words, where those know their times."""
    start = words[0].start if words else None
    end = words[-1].end if words else None
    return replace(
        segment,
        start=segment.start if start is None else start,
        end=segment.end if end is None else end,
        words=words,
    )


def _chosen(words: Sequence[HeardWord], sounds: Sequence[Stretch]) -> list[int | None]:
    """The stretch of each word, in order: the least that words are moved and sound is passed over.

    None is that of a word with no sound near it. Viterbi's way through few candidates.
    """
    ways: dict[int, tuple[float, tuple[int | None, ...]]] = {-1: (0.0, ())}
    done = list[int | None]()
    for word in words:
        near = _near(word, sounds)
        new = dict[int, tuple[float, tuple[int | None, ...]]]()
        for at, distance in near.items():
            costs = [
                (cost + distance + UNSAID_SECONDS * _passed(last, at), (*way, at))
                for last, (cost, way) in ways.items()
                if last <= at
            ]
            if costs:
                new[at] = min(costs, key=lambda one: one[0])
        ways = new or {last: (cost, (*way, None)) for last, (cost, way) in ways.items()}
        if len(ways) == 1:  # what came before is decided
            [(last, (_, way))] = ways.items()
            done += way
            ways = {last: (0.0, ())}
    return done + list(min(ways.values(), key=lambda one: one[0])[1])


def _near(word: HeardWord, sounds: Sequence[Stretch]) -> dict[int, float]:
    return {
        at: sound.distance_to_middle(word)
        for at, sound in enumerate(sounds)
        if sound.distance(word) <= MAX_SHIFT
    }


def _passed(last: int, at: int) -> int:
    return max(0, at - last - 1) if last >= 0 else 0


def _within(words: Sequence[HeardWord], sound: Stretch) -> list[HeardWord]:
    """The words of one stretch. Where one lies outside, all of them have drifted, and are moved."""
    times = [(word.start or 0.0, word.end or 0.0) for word in words]
    if any(start >= sound.end or end <= sound.start for start, end in times):
        times = _moved(times, sound)
    times = [(_clip(start, sound), _clip(end, sound)) for start, end in times]
    if times[0][0] - sound.start <= MAX_SHIFT:
        times[0] = (sound.start, times[0][1])
    if sound.end - times[-1][1] <= MAX_SHIFT:
        times[-1] = (times[-1][0], sound.end)
    return [
        replace(word, start=start, end=end) for word, (start, end) in zip(words, times, strict=True)
    ]


def _moved(times: Sequence[tuple[float, float]], sound: Stretch) -> list[tuple[float, float]]:
    """So that the first begins and the last ends with the stretch."""
    first, last = times[0][0], times[-1][1]
    scale = (sound.end - sound.start) / (last - first) if last > first else 0.0
    return [
        (sound.start + (start - first) * scale, sound.start + (end - first) * scale)
        for start, end in times
    ]


def _clip(time: float, sound: Stretch) -> float:
    return min(max(time, sound.start), sound.end)
