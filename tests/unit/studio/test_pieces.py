"""Sound in pieces: nothing lost, nothing twice, cut where it is quiet."""

import io
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from common.base.errors import EncodingFailed
from studio.listening.sound import SAMPLE_RATE, cut, pieces, quietest
from tests.films import ffmpeg, film
from tests.speech import write


def noise(seconds: float) -> NDArray[np.float32]:
    samples = np.random.default_rng(1).uniform(-0.5, 0.5, round(seconds * SAMPLE_RATE))
    return samples.astype(np.float32)


def quiet_at(samples: NDArray[np.float32], start: float, end: float) -> NDArray[np.float32]:
    samples[round(start * SAMPLE_RATE) : round(end * SAMPLE_RATE)] = 0
    return samples


def test_pieces_are_all_of_it_and_end_in_pauses() -> None:
    sound = quiet_at(quiet_at(noise(10), 3, 3.5), 6, 6.5)
    found = list(cut(io.BytesIO(sound.tobytes()), piece_seconds=4))
    assert np.array_equal(np.concatenate([piece.samples for piece in found]), sound)
    starts = [piece.start for piece in found]
    assert starts[:3] == [0, pytest.approx(3.25, abs=0.1), pytest.approx(6.25, abs=0.1)]
    assert [piece.end for piece in found[:-1]] == starts[1:]


def test_a_short_sound_is_one_piece_and_none_is_none() -> None:
    [piece] = cut(io.BytesIO(noise(1).tobytes() + b"\0\0"), piece_seconds=4)
    assert (piece.start, piece.end) == (0, 1)
    assert list(cut(io.BytesIO(b""), piece_seconds=4)) == []


def test_a_pause_in_the_first_half_is_too_early() -> None:
    assert quietest(quiet_at(noise(8), 1, 2)) > 4 * SAMPLE_RATE


def test_sound_that_begins_after_the_picture_keeps_its_place(tmp_path: Path) -> None:
    tone = write(tmp_path / "tone.wav", noise(1))
    video = film(tmp_path / "a.mp4", 72)
    late = tmp_path / "late.mov"
    both = ["-i", video, "-itsoffset", "1.5", "-i", tone, "-map", "0:v", "-map", "1:a"]
    ffmpeg(*both, "-c:v", "copy", "-c:a", "pcm_s16le", late)
    [piece] = pieces(late)
    first = int(np.flatnonzero(np.abs(piece.samples) > 0.05)[0]) / SAMPLE_RATE
    assert first == pytest.approx(1.5, abs=0.01)


def test_a_file_without_a_sound_that_can_be_decoded_says_so(tmp_path: Path) -> None:
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"RIFF" + bytes(100))
    with pytest.raises(EncodingFailed, match="cannot be decoded"):
        list(pieces(broken))
