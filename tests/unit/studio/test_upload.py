"""A file of one's own as a job: what it may be, and that it stays as it came."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from common.base.errors import InvalidRequest, Unresolvable
from studio.files import FILES, KEPT
from studio.operations.upload import Upload, resolve
from studio.rendering.allowed import FORMATS
from studio.sources import Facts, Form
from tests.cutting import made
from tests.films import ffmpeg, film

PICTURES = ("png", "jpeg", "webp", "gif", "bmp", "avif", "heif")


def tone(path: Path) -> Path:
    ffmpeg("-f", "lavfi", "-i", "sine=duration=0.2", path)
    return path


def picture(path: Path) -> Path:
    Image.new("RGB", (32, 16), "red").save(path)
    return path


def captions(path: Path) -> Path:
    path.write_text("1\n00:00:00,500 --> 00:00:01,500\nOne\n")
    return path


@pytest.mark.parametrize(
    ("field", "name", "make", "kept"),
    [
        ("video", "a.mov", film, "upload.mp4"),
        ("video", "a.mkv", film, "upload.webm"),
        ("audio", "a.mp3", tone, "upload.mp3"),
        ("audio", "a.wav", tone, "upload.wav"),
        ("captions", "a.srt", captions, "upload.txt"),
        ("overlay", "a.jpg", picture, "upload.jpeg"),
        ("overlay", "a.webp", picture, "upload.webp"),
    ],
)
def test_what_is_sent_is_kept_byte_by_byte(
    tmp_path: Path, field: str, name: str, make: Callable[[Path], Path], kept: str
) -> None:
    sent = make(tmp_path / name)
    file, done, planned = made(Upload(), tmp_path / "made", **{field: sent})
    assert file.read_bytes() == sent.read_bytes()
    assert (file.name, done.file) == (kept, kept)
    assert planned.plan.width == {"video": 160, "overlay": 32}.get(field, 0)
    assert done.report["format"]


def test_every_format_that_is_taken_has_a_name_and_a_type() -> None:
    names = {file.name for file in KEPT}
    assert names >= {f"upload.{ending}" for ending in (*FORMATS.values(), *PICTURES, "ass", "txt")}
    assert set(KEPT) <= set(FILES)


def test_one_file_is_one_job() -> None:
    with pytest.raises(InvalidRequest, match="video is missing"):
        resolve(Upload(), {})
    sound, film_ = Facts(form=Form.AUDIO, format="mp3"), Facts(form=Form.VIDEO, format="mp4")
    with pytest.raises(Unresolvable, match="both given"):
        resolve(Upload(), {"audio": sound, "video": film_})
