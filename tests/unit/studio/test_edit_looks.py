"""Shapes, overlays, texts and fades, as they are seen."""

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFont

from studio.operations.edit.plan import Words
from studio.operations.edit.task import Clip, Edit, Overlay, Text
from studio.operations.edit.texts import drawn, without_font, wrapped
from tests.cutting import made, numbered, said
from tests.films import ffmpeg, film
from tests.unit.media.ffprobe import decode_audio, decode_rgb, probe, stream


def grey(path: Path, size: str = "160x120", frames: int = 24, colour: str = "gray") -> Path:
    ffmpeg("-f", "lavfi", "-i", f"color={colour}:size={size}:rate=24", "-frames:v", frames, path)
    return path


def words(text: str, **fields: Any) -> Words:
    usual = {"start": 0, "end": 1, "place": "top", "margin": 0, "size": 40, "colour": "#ffffff"}
    return Words.model_validate({**usual, "outline": True, "text": text, **fields})


def test_clips_of_other_sizes_rates_and_without_sound_become_one_film(tmp_path: Path) -> None:
    sounding = numbered(tmp_path / "a.mkv", 25, "25", (0,))
    mute = grey(tmp_path / "b.mp4", "64x64", 30)
    task = Edit.model_validate(
        {
            "clips": [{"source": "video"}, {"source": "b"}, {"source": "video", "speed": 2}],
            "inputs": {"b": {"job": "0" * 32}},
            "fit": "pad",
        }
    )
    files = {"video": sounding, "b": mute}
    file, done, planned = made(task, tmp_path / "made", **files)
    assert said(planned) == {"b.size": "160x32", "b.fps": 25}
    assert done.report["frames"] == 25 + 31 + 12
    video = stream(probe(file), "video")
    assert (video["nb_read_frames"], video["avg_frame_rate"]) == ("68", "25/1")
    assert len(decode_audio(file, 2)) == pytest.approx(68 * 1920, abs=1024)
    middle = decode_rgb(file, 160, 32)[40]
    assert middle[:, :60].max() < 40, "bars beside a square"
    assert middle[16, 80].min() > 100


def test_crop_and_focus(tmp_path: Path) -> None:
    """Left half red, right half blue, looked at in the middle of a square on either side."""
    film = tmp_path / "a.mp4"
    halves = "color=red:size=64x64[a];color=blue:size=64x64[b];[a][b]hstack"
    ffmpeg("-f", "lavfi", "-i", halves, "-frames:v", 5, "-pix_fmt", "yuv420p", film)
    for focus, red in ((0.0, True), (1.0, False)):
        task = Edit(aspect="1:1", focus=focus)
        file, _, _ = made(task, tmp_path / f"made{focus}", video=film)
        assert (decode_rgb(file, 64, 64)[2][:, :, 0].mean() > 200) == red


def test_an_overlay_has_its_place_its_time_and_lets_through(tmp_path: Path) -> None:
    logo = tmp_path / "logo.png"
    Image.new("RGBA", (40, 20), (255, 255, 255, 255)).save(logo)
    overlay = Overlay(place="bottom-right", width=0.25, margin=0, opacity=0.5, start=0.5, end=0.75)
    files = {"video": grey(tmp_path / "a.mp4", colour="black"), "overlay": logo}
    file, _, _ = made(Edit(overlays=(overlay,)), tmp_path / "made", **files)
    frames = decode_rgb(file, 160, 120)
    seen = [n for n in range(24) if frames[n][110, 140, 0] > 60]
    assert seen == list(range(12, 18))
    assert 100 < frames[14][110, 140, 0] < 160
    assert frames[14][:95].max() < 30


@pytest.mark.parametrize(
    "text", ["plain", "a'b:c\\d%{e}[f],;=g", "{\\an8}", "two\nlines", "Ação", "%{pts}"]
)
def test_any_text_is_drawn_as_it_is(tmp_path: Path, text: str) -> None:
    words = Text(text=text, place="top", colour="#ff0000", outline=False, size=0.2, end=0.5)
    task = Edit(texts=(words,))
    file, _, _ = made(task, tmp_path / "made", video=grey(tmp_path / "a.mp4", colour="black"))
    frames = decode_rgb(file, 160, 120).astype(int)
    assert (frames[5][:70, :, 0] - frames[5][:70, :, 1]).max() > 100
    assert frames[5][100:].max() < 40
    assert frames[13].max() < 40
    assert sorted(path.name for path in (tmp_path / "made").iterdir()) == ["video.mp4"]


def test_long_lines_are_broken_and_long_words_too() -> None:
    font = ImageFont.load_default(20)
    assert isinstance(font, ImageFont.FreeTypeFont)
    lines = wrapped(f"some words that are long {'w' * 60}\nand more", font, 150).split("\n")
    assert max(font.getlength(line) for line in lines) <= 150
    assert lines[-1] == "and more"
    assert "".join("".join(lines).split()) == f"somewordsthatarelong{'w' * 60}andmore"


def test_a_text_has_an_outline() -> None:
    pixels = np.asarray(Image.open(BytesIO(drawn(words("Text"), 400))))
    opaque = pixels[pixels[:, :, 3] > 250][:, 0]
    assert opaque.min() < 10
    assert opaque.max() > 245


def test_fades_are_seen_and_heard(tmp_path: Path) -> None:
    video = film(tmp_path / "mute.mp4", 48)
    sounding = tmp_path / "a.mp4"
    ffmpeg("-i", video, "-f", "lavfi", "-i", "sine=440", "-shortest", "-c:v", "copy", sounding)
    file, _, _ = made(Edit(fade_in=0.5, fade_out=0.5), tmp_path / "made", video=sounding)
    frames = decode_rgb(file, 160, 120).mean(axis=(1, 2, 3))
    sound = np.abs(decode_audio(file, 2))
    assert max(frames[0], frames[-1]) < 0.2 * frames[24]
    assert sound[:2000].max() < 0.2 * sound[40000:50000].max()


def test_a_clip_may_be_mute_among_others(tmp_path: Path) -> None:
    video = numbered(tmp_path / "a.mkv", 25, "25", (10,))
    task = Edit(clips=(Clip(mute=True), Clip(gain=3)))
    file, _, _ = made(task, tmp_path / "made", video=video)
    loud = np.flatnonzero(np.abs(decode_audio(file, 2)[:, 0]) > 0.1)
    assert loud.min() == pytest.approx(35 * 1920, abs=480)
    silent, _, planned = made(Edit(clips=(Clip(mute=True),)), tmp_path / "mute", video=video)
    assert [one["codec_type"] for one in probe(silent)["streams"]] == ["video"]
    assert planned.plan.model_dump()["has_sound"] is False


def test_a_text_has_the_font_that_knows_its_letters() -> None:
    """Two letters look alike where both are boxes; whether there is a font, the machine says."""
    assert not without_font([words("Ação 1.0: »ok«")])
    for text in ("你好", "かな", "한국", "नम", "กข", "ღმ", "🎉🎈"):
        boxes = drawn(words(text[0]), 400) == drawn(words(text[1]), 400)
        assert without_font([words(text)]) == (sorted(text) if boxes else [])


def test_letters_without_a_font_are_told(tmp_path: Path) -> None:
    """As of captions; no font has the last of the private ones."""
    texts = (Text(text="plain"), Text(text="two \U0010fffd\ufe0f\u200d\nlines"))
    video = grey(tmp_path / "a.mp4", frames=2)
    _, done, _ = made(Edit(texts=texts), tmp_path / "made", video=video)
    assert done.report["letters_without_font"] == ["\U0010fffd"]
    _, done, _ = made(Edit(texts=texts[:1]), tmp_path / "known", video=video)
    assert "letters_without_font" not in done.report
