"""Captions as files: times, lines, and signs that a format would take for its own."""

import re
from itertools import pairwise

from studio.captions.cues import Cue, Word
from studio.captions.timing import LINE_CHARS, rounded, screens, spelled
from studio.captions.writing import karaoke, srt, vtt

HELLO = Cue(
    start=1,
    end=2.5,
    text="Hello, world!",
    words=(Word(start=1, end=1.4, text="Hello"), Word(start=1.6, end=2.2, text="world")),
)
LONG = "Every word of this sentence was spoken by somebody who had a great deal to say about " * 2


def of(text: str, start: float = 0, end: float = 4) -> Cue:
    return Cue(start=start, end=end, text=text)


def timed(text: str, start: float = 0, a_word: float = 0.5) -> Cue:
    words = [
        Word(start=start + n * a_word, end=start + (n + 1) * a_word, text=re.sub(r"\W", "", word))
        for n, word in enumerate(text.split())
    ]
    return Cue(start=start, end=words[-1].end, text=text, words=tuple(words))


def test_subrip() -> None:
    assert srt([HELLO, of("Again.", 3661.0004, 3662)]) == (
        "1\n00:00:01,000 --> 00:00:02,500\nHello, world!\n\n"
        "2\n01:01:01,000 --> 01:01:02,000\nAgain.\n"
    )


def test_webvtt() -> None:
    assert vtt([HELLO]) == "WEBVTT\n\n00:00:01.000 --> 00:00:02.500\nHello, world!\n"
    assert vtt([]).strip() == "WEBVTT"


def test_karaoke_waits_between_words_and_never_drifts() -> None:
    [event] = [line for line in karaoke([HELLO]).splitlines() if line.startswith("Dialogue")]
    assert event.startswith("Dialogue: 0,0:00:01.00,0:00:02.50,Default,")
    assert event.endswith(r",,{\kf40}Hello, {\k20}{\kf60}world!")


def test_signs_of_the_formats_stay_signs() -> None:
    cue = of(r"a --> b <i>&{\pos(1)}\N")
    assert "a --&gt; b &lt;i&gt;&amp;" in vtt([cue])
    assert srt([cue]).count("-->") == 1
    [event] = [line for line in karaoke([cue]).splitlines() if line.startswith("Dialogue")]
    said = re.sub(r"\{\\kf?\d+\}", "", event.partition(",,0,0,0,,")[2])
    assert said == "a --> b <i>&\\{\\\u2060pos(1)\\}\\\u2060N"


def test_lines_are_short_and_two_at_most() -> None:
    shown = list(screens([timed(LONG)]))
    lines = [line for cue in shown for line in cue.text.split("\n")]
    assert " ".join(lines) == LONG.strip()
    assert max(map(len, lines)) <= LINE_CHARS
    assert max(cue.text.count("\n") for cue in shown) == 1
    assert min(map(len, lines)) > LINE_CHARS / 2, "no word stands alone"


def test_each_screen_has_the_time_of_its_words() -> None:
    shown = list(screens([timed(LONG, start=10)]))
    for before, cue in pairwise(shown):
        spoken = len(" ".join(one.text for one in shown[: shown.index(cue)]).split())
        assert before.end == cue.start == 10 + spoken * 0.5
    assert (shown[0].start, shown[-1].end) == (10, 10 + len(LONG.split()) * 0.5)


def test_a_line_without_spaces_is_cut() -> None:
    shown = list(screens([of("字" * 100, end=10)]))
    assert "".join(cue.text for cue in shown).replace("\n", "") == "字" * 100
    assert max(len(line) for cue in shown for line in cue.text.split("\n")) <= LINE_CHARS


def test_words_keep_their_times_where_they_spell_the_text() -> None:
    cue = timed("She said “hello”, twice — and left.")
    pieces = spelled(cue.model_copy(update={"words": tuple(w for w in cue.words if w.text)}))
    texts = [piece.text for piece in pieces]
    assert texts == ["She ", "said ", "“hello”, ", "twice — ", "and ", "left."]
    assert [piece.start for piece in pieces] == [0, 0.5, 1, 1.5, 2.5, 3]


def test_changed_words_share_the_time_evenly() -> None:
    changed = HELLO.model_copy(update={"text": "Good morning, dear world!"})
    pieces = spelled(changed)
    assert [piece.text for piece in pieces] == ["Good ", "morning, ", "dear ", "world!"]
    assert [piece.start for piece in pieces] == [1, 1.375, 1.75, 2.125]
    more = HELLO.model_copy(update={"text": "Hello, world of ours!"})
    assert [piece.end for piece in spelled(more)] == [1.375, 1.75, 2.125, 2.5]
    assert spelled(of("")) == ()


def test_cues_never_overlap_and_never_vanish() -> None:
    cues = [of("a", 0, 2.5), of("b", 1.9996, 2.0001), of("c", 2, 2), of("d", 2, 3)]
    spans = [(start, end) for start, end, _ in rounded(cues, 1000)]
    assert spans == [(0, 2000), (2000, 2001), (2001, 2002), (2002, 3000)]
