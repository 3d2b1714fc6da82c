"""What speech models get wrong with times and words, put right."""

from itertools import pairwise

from studio.captions.cues import Word
from studio.listening.heard import HeardWord, Segment
from studio.listening.repairs import cue_of, cues_of, cut_back, filled, in_order


def heard(text: str, start: float | None, end: float | None) -> HeardWord:
    return HeardWord(text, start, end)


def said(text: str, start: float = 0, end: float = 1, **measures: float) -> Segment:
    share = (end - start) / len(text.split())
    words = tuple(
        heard(f" {word}", start + share * n, start + share * (n + 1))
        for n, word in enumerate(text.split())
    )
    return Segment(start, end, f" {text}", words, **measures)


def times(words: tuple[Word, ...]) -> list[tuple[float, float]]:
    return [(round(word.start, 3), round(word.end, 3)) for word in words]


def test_signs_and_spaces_are_taken_off_the_words() -> None:
    cue = cue_of(said("“Hello,” she said: it's 5%!"))
    assert cue is not None
    assert [word.text for word in cue.words] == ["Hello", "she", "said", "it's", "5%"]
    assert cue.text == "“Hello,” she said: it's 5%!"


def test_numbers_without_times_get_what_their_neighbours_leave() -> None:
    words = [
        heard(" in", 1, 1.2),
        heard(" 19", None, None),
        heard("84", None, None),
        heard(" there", 2, 2.4),
    ]
    assert times(filled(words, 0, 3)) == [(1, 1.2), (1.2, 1.6), (1.6, 2), (2, 2.4)]


def test_words_without_times_at_the_edges_reach_to_the_segments_own() -> None:
    words = [heard(" 7", None, None), heard(" dwarfs", 1, 1.5), heard(" 8", None, None)]
    assert times(filled(words, 0.5, 2)) == [(0.5, 1), (1, 1.5), (1.5, 2)]
    assert times(filled([heard(" 42", None, None)], 3, 4)) == [(3, 4)]


def test_a_number_between_two_that_touch_takes_a_part_of_the_first() -> None:
    words = [heard(" about", 1, 2), heard(" 3", None, None), heard(" men", 2, 2.5)]
    assert times(filled(words, 0, 3)) == [(1, 1.7), (1.7, 2), (2, 2.5)]


def test_words_stay_in_their_segment_in_order_and_apart() -> None:
    drifted = [
        Word(start=0.5, end=1.4, text="a"),
        Word(start=1.2, end=1.1, text="b"),
        Word(start=1.6, end=2.9, text="c"),
        Word(start=2.5, end=9, text="d"),
    ]
    words = in_order(drifted, 1, 3)
    assert times(words) == [(1, 1.4), (1.4, 1.4), (1.6, 2.9), (2.9, 3)]
    assert all(one.end <= two.start for one, two in pairwise(words))


def test_a_word_gives_back_the_pause_that_it_swallowed() -> None:
    words = [
        Word(start=0, end=5, text="Suddenly"),
        Word(start=5, end=6.5, text="silence"),
        Word(start=6.5, end=12, text="fell"),
    ]
    assert times(cut_back(words)) == [(4.04, 5), (5, 6.5), (6.5, 6.98)]


def test_what_the_model_does_not_believe_itself_is_left_out() -> None:
    unsure = said("Thanks for watching!", no_speech_prob=0.9, avg_logprob=-1.4)
    sure = said("Thanks for watching!", 2, 3, no_speech_prob=0.9, avg_logprob=-0.2)
    assert [cue.start for cue in cues_of([unsure, sure])] == [2]
    assert cues_of([said("...")]) == ()


def test_a_text_that_comes_again_and_again_is_said_once() -> None:
    loop = [said("Thank you.", n, n + 1) for n in range(5)]
    twice = [said("We will rock you.", n, n + 1) for n in (10, 11)]
    texts = [(cue.start, cue.text) for cue in cues_of([*loop, *twice])]
    assert texts == [(0, "Thank you."), (10, "We will rock you."), (11, "We will rock you.")]


def test_a_loop_within_a_segment_is_said_once() -> None:
    text = "He said, " + "I don't know, " * 9 + "and left."
    cue = cue_of(said(text, 0, 16, compression_ratio=3.1))
    assert cue is not None
    assert cue.text == "He said, I don't know, and left."
    assert [word.text for word in cue.words][-2:] == ["and", "left"]
    plain = cue_of(said("no no no no no!", compression_ratio=0.9))
    assert plain is not None
    assert plain.text == "no no no no no!"


def test_cues_do_not_overlap() -> None:
    first, second, inside = said("one two", 0, 2), said("three four", 1.5, 3), said("x", 2, 2.5)
    cues = cues_of([first, second, inside])
    assert [(cue.start, cue.end) for cue in cues] == [(0, 2), (2, 3)]
    assert times(cues[1].words) == [(2, 2.25), (2.25, 3)]
