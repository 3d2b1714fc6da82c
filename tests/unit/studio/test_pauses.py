"""Words where something can be heard."""

import numpy as np
import pytest
from numpy.typing import NDArray

from studio.listening.heard import HeardWord, Segment
from studio.listening.pauses import Stretch, placed, stretches
from studio.listening.sound import SAMPLE_RATE
from tests.unit.studio.test_pieces import noise, quiet_at

SOUNDS = [Stretch(1, 1.5), Stretch(2, 2.5), Stretch(3, 4)]


def times(*words: tuple[float | None, float | None]) -> list[tuple[float | None, float | None]]:
    heard = tuple(HeardWord(" word", start, end) for start, end in words)
    known = [time for word in words for time in word if time is not None]
    [segment] = placed([Segment(min(known), max(known), "", heard)], SOUNDS)
    assert segment.start == segment.words[0].start or segment.words[0].start is None
    return [(word.start, word.end) for word in segment.words]


def bursts(*spans: tuple[float, float], seconds: float = 6) -> NDArray[np.float32]:
    sound, last = noise(seconds), 0.0
    for start, end in spans:
        quiet_at(sound, last, start)
        last = end
    return quiet_at(sound, last, seconds)


def test_stretches_lie_between_pauses() -> None:
    found = stretches(bursts((1, 1.5), (1.6, 2), (4, 5), (5.5, 5.53)))
    spans = [(round(one.start, 2), round(one.end, 2)) for one in found]
    assert spans == [(0.98, 2.02), (3.98, 5.02)], "a breath is no pause, a click no speech"


def test_where_all_is_loud_or_nothing_is_there_nobody_can_tell() -> None:
    assert stretches(noise(3)) == []
    assert stretches(np.zeros(3 * SAMPLE_RATE, np.float32)) == []
    assert stretches(np.empty(0, np.float32)) == []
    [segment] = placed([Segment(0, 3, "", (HeardWord(" a", 0, 3),))], [])
    assert (segment.words[0].start, segment.words[0].end) == (0, 3)


def test_words_give_back_the_silence_beside_them() -> None:
    assert times((0.6, 1.7), (1.7, 2.9)) == [(1, 1.5), (2, 2.5)]


def test_a_word_that_reaches_over_a_pause_is_said_where_its_middle_is() -> None:
    """As Whisper has the first word of a sentence: from the end of the one before."""
    assert times((1.1, 1.4), (1.4, 2.3), (2.3, 2.5)) == [(1, 1.5), (2, 2.3), (2.3, 2.5)]


def test_late_words_go_back_to_their_sound() -> None:
    assert times((1.2, 1.6), (2.8, 2.8), (3.4, 3.5)) == [(1, 1.5), (2, 2.5), (3, 4)]


def test_words_within_a_stretch_keep_their_times_but_at_its_ends() -> None:
    assert times((3.1, 3.4), (3.4, 3.6), (3.6, 4.5)) == [(3, 3.4), (3.4, 3.6), (3.6, 4)]


def test_words_that_have_drifted_out_are_moved_together() -> None:
    [first, second, third] = times((3.2, 3.6), (3.6, 4.1), (4.1, 4.2))
    assert first == (3, pytest.approx(3.4))
    assert second == (pytest.approx(3.4), pytest.approx(3.9))
    assert third == (pytest.approx(3.9), 4)


def test_a_cough_takes_no_word_from_far_away() -> None:
    assert times((2.1, 2.4), (3, 4)) == [(2, 2.5), (3, 4)]


def test_words_far_from_any_sound_and_without_times_stay() -> None:
    assert times((2, 2.5), (None, None), (8, 9)) == [(2, 2.5), (None, None), (8, 9)]
