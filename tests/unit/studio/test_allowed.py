"""What is taken can be decoded: one list says both."""

from pathlib import Path

import numpy as np
import pytest

from common.base.errors import InvalidRequest
from studio.listening.sound import pieces
from studio.looking import look_at
from studio.rendering.allowed import PCM, takes_sound
from studio.sources import SOUNDING
from tests.cutting import BOUNDS
from tests.films import ffmpeg


def sine(path: Path, codec: str) -> Path:
    ffmpeg("-f", "lavfi", "-i", "sine=duration=0.2,volume=4", "-c:a", codec, path)
    return path


@pytest.mark.parametrize("form", PCM)
def test_every_form_of_pcm_that_is_taken_is_heard(tmp_path: Path, form: str) -> None:
    ending = "aiff" if form == "s8" or form.endswith("be") else "wav"
    [piece] = pieces(sine(tmp_path / f"a.{ending}", f"pcm_{form}"))
    assert np.abs(piece.samples).max() == pytest.approx(0.5, abs=0.05)
    assert takes_sound(f"pcm_{form}")


def test_a_form_that_is_not_decoded_is_not_taken(tmp_path: Path) -> None:
    with (
        sine(tmp_path / "a.wav", "pcm_s64le").open("rb") as file,
        pytest.raises(InvalidRequest, match="pcm_s64le, which is not taken"),
    ):
        look_at(file, SOUNDING, BOUNDS)
