"""Pauses are found, and taken out of picture and sound alike."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from common.base.errors import Unresolvable
from studio.operations.edit.resolving import method_here
from studio.operations.edit.silence import kept, louder
from studio.operations.edit.task import Clip, Edit, Silence
from studio.operations.edit.voice import voices
from tests.cutting import clicks, made, numbered, numbers
from tests.films import ffmpeg
from tests.unit.media.ffprobe import speech

LEVEL = Silence(method="level", margin=0.2, min_silence=0.5, min_clip=0.1)


def test_words_keep_their_margins_and_short_pauses_stay() -> None:
    heard = [(1.0, 2.0), (2.3, 3.0), (5.0, 6.0), (8.0, 8.05)]
    assert kept(heard, LEVEL) == [(0.8, 3.2), (4.8, 6.2)]


def test_a_margin_ends_where_the_sound_begins_and_margins_that_meet_are_one() -> None:
    wide = LEVEL.model_copy(update={"margin": 1.0})
    assert kept([(0.5, 1.0), (2.0, 3.0)], wide) == [(0.0, 4.0)]


def test_many_short_sounds_are_one_word_before_blips_are_left_out() -> None:
    word = [(n / 10, n / 10 + 0.04) for n in range(10)]
    (whole,) = kept(word, LEVEL)
    assert whole == pytest.approx((0, 1.14))


def test_what_is_loud_is_told_by_windows_over_minutes() -> None:
    samples = np.zeros(120 * 16000, np.int16)
    samples[16000:32000] = -3000
    samples[59 * 16000 : 61 * 16000] = 3000
    samples[-160:] = 3000
    blocks = np.split(samples, 2)
    assert list(louder(blocks, 0.04)) == [(1.0, 2.0), (59.0, 61.0), (119.98, 120.0)]
    assert list(louder(blocks, 0.2)) == []
    assert list(louder([samples[:100]], 0.04)) == list(louder([], 0.04)) == []


@pytest.mark.parametrize(("rate", "fps"), [("25", 25.0), ("30000/1001", 30000 / 1001)])
def test_pauses_go_and_what_is_heard_stays_in_step(tmp_path: Path, rate: str, fps: float) -> None:
    film = numbered(tmp_path / "a.mkv", 250, rate, (30, 120, 210), lasting=0.4)
    task = Edit(silence=LEVEL)
    file, done, planned = made(task, tmp_path / "made", video=film)
    shown = numbers(file)
    assert len(shown) < 100
    assert [n in shown for n in (30, 120, 210)] == [True] * 3
    assert clicks(file, rate)[0] == pytest.approx(shown.index(30), abs=0.6)
    assert done.seconds == pytest.approx(len(shown) / fps)
    assert done.report["silence_seconds"] == pytest.approx((250 - len(shown)) / fps, abs=0.01)
    assert planned.plan.seconds == pytest.approx(250 / fps)
    for at in (30, 120, 210):
        heard = shown.index(at)
        assert shown[heard - 4 : heard] == list(range(at - 4, at)), "its margin"


def test_only_the_part_of_a_clip_is_listened_to(tmp_path: Path) -> None:
    """Sound of 0.4 s at frames 30 and 120; the clip begins at frame 100."""
    film = numbered(tmp_path / "a.mkv", 200, "25", (30, 120), lasting=0.4)
    file, _, _ = made(Edit(silence=LEVEL, clips=(Clip(start=4),)), tmp_path / "made", video=film)
    shown = numbers(file)
    assert shown == list(range(shown[0], shown[-1] + 1))
    assert (shown[0], shown[-1]) == pytest.approx((115, 134), abs=1)


def test_nothing_but_silence_is_said(tmp_path: Path) -> None:
    film = numbered(tmp_path / "a.mkv", 25)
    with pytest.raises(Unresolvable, match="nothing is heard") as refused:
        made(Edit(silence=LEVEL), tmp_path / "made", video=film)
    assert refused.value.body.param == "silence"


def test_without_a_detector_of_voices_the_level_decides() -> None:
    assert method_here("voice", "a_package_that_nobody_has") == "level"
    assert method_here("level", "a_package_that_nobody_has") == "level"


heard_voices = pytest.mark.skipif(
    find_spec("faster_whisper") is None, reason="no detector of voices is installed"
)


def spoken(noise_seconds: int) -> NDArray[np.int16]:
    """Noise, a second of silence, a sentence of 3.6 s, and likewise back. At 16 kHz."""
    noise = np.random.default_rng(0).integers(-8000, 8000, noise_seconds * 16000, np.int16)
    pause = np.zeros(16000, np.int16)
    sentence = speech("The quick brown fox jumps over the lazy dog near the river")
    return np.concatenate([noise, pause, sentence, pause, noise])


@heard_voices
def test_a_voice_is_told_from_noise_block_by_block() -> None:
    """Times go on from block to block."""
    (first, second) = voices([spoken(2), spoken(2)])
    assert first == pytest.approx((3.1, 6.5), abs=0.35)
    assert second == pytest.approx([time + len(spoken(2)) / 16000 for time in first], abs=0.1)


@heard_voices
def test_what_is_spoken_is_kept_whole_and_noise_is_not(tmp_path: Path) -> None:
    sound, film = tmp_path / "a.raw", tmp_path / "a.mkv"
    sound.write_bytes(spoken(2).tobytes())
    picture = numbered(tmp_path / "mute.mkv", 240)
    raw = ["-f", "s16le", "-ar", 16000, "-ac", 1, "-i", sound]
    ffmpeg("-i", picture, *raw, "-map", "0:v", "-map", "1:a", "-c:v", "copy", film)
    file, done, _ = made(Edit(silence=Silence()), tmp_path / "made", video=film)
    shown = numbers(file)
    assert shown == list(range(shown[0], shown[-1] + 1))
    assert 60 < shown[0] < 80
    assert 160 < shown[-1] < 180
    assert done.report["silence_method"] == "voice"
