"""Words stay with the sound in which they are heard."""

from pathlib import Path

import pytest

from studio.captions.cues import Cue, Transcript, Word
from studio.operations.edit.plan import EditPlan, Span, Take
from studio.operations.edit.spoken import on_timeline
from studio.operations.edit.task import Clip, Cut, Edit
from tests.cutting import made
from tests.films import ffmpeg
from tests.unit.media.ffprobe import decode_rgb

WORDS = (
    Word(start=1.0, end=1.4, text="one"),
    Word(start=2.0, end=2.4, text="two"),
    Word(start=5.0, end=5.4, text="three"),
)
CUE = Cue(start=1.0, end=5.4, text="One, two,\nthree.", words=WORDS)


def film(*takes: Take) -> EditPlan:
    return EditPlan(takes=takes, fps=25)


def take(*spans: tuple[int, int], speed: float = 1, source: str = "video") -> Take:
    parts = tuple(Span(start=start, end=end) for start, end in spans)
    return Take(source=source, spans=parts, speed=speed)


def times(cues: tuple[Cue, ...]) -> list[tuple[str, float, float]]:
    return [(word.text, word.start, word.end) for cue in cues for word in cue.words]


def test_pauses_that_are_cut_bring_words_together() -> None:
    (cue,) = on_timeline((CUE,), "video", film(take((20, 40), (45, 65), (120, 140))))
    assert cue.text == CUE.text
    assert times((cue,)) == [
        ("one", pytest.approx(0.2), pytest.approx(0.6)),
        ("two", pytest.approx(1.0), pytest.approx(1.4)),
        ("three", pytest.approx(1.8), pytest.approx(2.2)),
    ]


def test_words_that_are_cut_are_gone_and_a_word_ends_with_its_span() -> None:
    (cue,) = on_timeline((CUE,), "video", film(take((25, 58))))
    assert cue.text == "one two"
    assert times((cue,))[1] == ("two", pytest.approx(1.0), pytest.approx(1.32))


def test_speed_and_takes_before_move_them_and_other_sources_do_not_speak() -> None:
    plan = film(take((0, 50), source="b"), take((25, 75), speed=2), take((25, 75)))
    cues = on_timeline((CUE,), "video", plan)
    assert [cue.start for cue in cues] == pytest.approx([2.0, 3.0])
    assert cues[0].words[1].start == pytest.approx(2.5)


def test_a_cue_without_words_is_moved_whole() -> None:
    cue = Cue(start=1, end=3, text="all of it")
    (moved,) = on_timeline((cue,), "video", film(take((25, 100))))
    assert (moved.start, moved.end, moved.text) == (0, 2, "all of it")
    assert on_timeline((cue,), "video", film(take((60, 100)))) == ()


def test_captions_are_drawn_where_their_words_are_heard_after_the_cuts(tmp_path: Path) -> None:
    """Words at 1 s, 2 s and 5 s of a black film, of which 2.5 s to 4.5 s are cut."""
    film = tmp_path / "a.mp4"
    black = ["-f", "lavfi", "-i", "color=black:size=320x180:rate=25"]
    ffmpeg(*black, "-f", "lavfi", "-i", "anullsrc", "-t", 6, film)
    cues = tuple(
        Cue(start=word.start, end=word.end, text=word.text, words=(word,)) for word in WORDS
    )
    heard = Transcript(language="en", seconds=6, cues=cues)
    task = Edit(captions="auto", clips=(Clip(cut=(Cut(start=2.5, end=4.5),)),))
    file, done, planned = made(task, tmp_path / "made", heard, video=film)
    shown = decode_rgb(file, 320, 180).max(axis=(1, 2, 3)) > 200
    assert planned.plan.needs_model
    assert done.report["captions"] == 3
    assert len(shown) == 100
    assert [n for n in range(100) if shown[n] and not shown[n - 1]] == [25, 50, 75]
    assert shown.sum() == pytest.approx(30, abs=3)
