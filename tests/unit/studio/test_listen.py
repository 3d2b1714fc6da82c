"""From a file to its transcript, with somebody who hears what he is told to."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from common.base.errors import JobCancelled
from common.contract import Phase
from studio.listening.heard import HeardWord, Segment
from studio.listening.listen import Hearing, listen
from studio.listening.wish import Wish
from tests.job_contexts import Context
from tests.speech import write
from tests.unit.studio.test_pieces import noise, quiet_at


class Told:
    """Hears one segment in each piece, of the languages in their order; nothing for None."""

    def __init__(self, *languages: str | None) -> None:
        self.languages = list(languages)
        self.asked: list[str | None] = []
        self.drawn = 0

    def hear(self, samples: NDArray[np.float32], wish: Wish) -> Hearing:
        self.asked.append(wish.language)
        language = self.languages.pop(0)
        return Hearing(language or "la", self._segments(heard=language is not None))

    def _segments(self, *, heard: bool) -> Iterator[Segment]:
        for start in (0.5, 1.5) if heard else ():
            self.drawn += 1
            word = HeardWord(" one", start, start + 0.5)
            yield Segment(start, start + 0.5, f" one {self.drawn}.", (word,))


@pytest.fixture
def three_pieces(tmp_path: Path) -> Path:
    """Of four seconds, nearly."""
    return write(tmp_path / "a.wav", quiet_at(quiet_at(noise(9), 2.8, 3.2), 6, 6.4))


def test_pieces_are_one_transcript_in_one_language(three_pieces: Path) -> None:
    listener, context = Told(None, "pt", "pt"), Context()
    heard = listen(listener, three_pieces, 9, Wish(), context, piece_seconds=4)
    assert listener.asked == [None, None, "pt"], "what is guessed in silence does not count"
    assert (heard.language, heard.seconds) == ("pt", 9)
    expected = [3.2, 4.5, 6.4, 7.7]
    assert [cue.start for cue in heard.cues] == pytest.approx(expected, abs=0.1)
    assert [cue.words[0].start for cue in heard.cues] == [cue.start for cue in heard.cues]
    steps = [step for _, step, _ in context.reports]
    assert steps == sorted(steps)
    assert {(phase, most) for phase, _, most in context.reports} == {(Phase.DENOISING, 90)}


def test_silence_has_no_language(three_pieces: Path) -> None:
    heard = listen(Told(None, None, None), three_pieces, 9, Wish(), Context(), piece_seconds=4)
    assert (heard.language, heard.cues) == ("und", ())
    translated = listen(
        Told("pt", "pt", "pt"), three_pieces, 9, Wish(translates=True), Context(), piece_seconds=4
    )
    assert translated.language == "en"


def test_a_cancelled_job_is_left_at_the_next_segment(three_pieces: Path) -> None:
    listener = Told("pt", "pt", "pt")
    with pytest.raises(JobCancelled):
        listen(
            listener,
            three_pieces,
            9,
            Wish(),
            Context(stop_at=(Phase.DENOISING, 10)),
            piece_seconds=4,
        )
    assert listener.drawn == 1
