"""What transformers hears, cut into windows and put into segments."""

import common.runtime.libraries  # noqa: F401

# isort: split

from itertools import pairwise
from pathlib import Path

import pytest

from common.base.errors import CheckpointError
from common.contract import LoadOptions
from common.contract.hub import locate
from studio.listening.gpu import WINDOW_SECONDS, TransformersWhisper, sentences, windows
from studio.listening.heard import HeardWord
from studio.listening.listen import listen
from studio.listening.sound import SAMPLE_RATE
from studio.listening.wish import Wish
from tests import speech
from tests.job_contexts import Context
from tests.unit.studio.test_pieces import noise, quiet_at
from tests.whisper_forms import to_transformers


def test_windows_are_all_of_it_and_cut_in_pauses() -> None:
    sound = quiet_at(quiet_at(noise(70), 20, 20.5), 45, 45.5)
    spans = list(windows(sound, vad=False))
    assert (spans[0][0], spans[-1][1]) == (0, len(sound))
    assert all(before[1] == after[0] for before, after in pairwise(spans))
    assert max(end - start for start, end in spans) <= WINDOW_SECONDS * SAMPLE_RATE
    assert [round(end / SAMPLE_RATE) for _, end in spans] == [20, 45, 70]


def test_where_nobody_speaks_nothing_is_heard() -> None:
    assert list(windows(noise(2) * 0.01, vad=True)) == []


def test_a_segment_ends_with_its_sentence_or_at_a_pause() -> None:
    words = [
        HeardWord(" Good", 0, 0.4),
        HeardWord(" day.", 0.4, 0.8),
        HeardWord(" Well", 1, 1.4),
        HeardWord(" then", 3, 3.5),
        HeardWord(" yes", 3.5, None),
    ]
    found = [(one.text, one.start, one.end) for one in sentences(words, 4)]
    assert found == [(" Good day.", 0, 0.8), (" Well", 1, 1.4), (" then yes", 3, 4)]
    assert list(sentences([], 4)) == []


@pytest.mark.slow
def test_the_same_weights_hear_the_same_through_transformers(tmp_path: Path) -> None:
    """On a processor: there they are slow, and no different."""
    source = locate(tmp_path, speech.tiny_en(tmp_path)).path
    folder = to_transformers(source, tmp_path / "converted")
    path = tmp_path / "spoken.wav"
    [first, second] = speech.say(path, [(1, "Good morning."), (4, "The lazy dog.")], 6)
    listener = TransformersWhisper.load(folder, LoadOptions(device="cpu"))
    heard = listen(listener, path, 6, Wish(), Context())
    words = [word for cue in heard.cues for word in cue.words]
    assert [word.text.lower() for word in words] == ["good", "morning", "the", "lazy", "dog"]
    edges = (words[0].start, words[1].end, words[2].start, words[4].end)
    expected = (first.start, first.end, second.start, second.end)
    assert edges == pytest.approx(expected, abs=0.12)
    (folder / "tokenizer.json").unlink()
    with pytest.raises(CheckpointError, match=r"tokenizer\.json is missing"):
        TransformersWhisper.load(folder, LoadOptions(device="cpu"))
