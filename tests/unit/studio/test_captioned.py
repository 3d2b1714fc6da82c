"""A video with captions: what becomes of its picture and its sound, in the picture or beside it."""

from pathlib import Path

import pytest

from common.base.errors import Unresolvable
from studio.operations.caption import Caption, resolve
from studio.sources import Facts, Form
from tests.cutting import made, said
from tests.films import ffmpeg, film, odd, with_a_cover
from tests.unit.media.ffprobe import packet_hashes, probe, stream

VP8 = ("-c:v", "libvpx", "-cpu-used", 8)
PRORES = ("-c:v", "prores", "-pix_fmt", "yuv422p10le")


@pytest.fixture
def captions(tmp_path: Path) -> Path:
    path = tmp_path / "a.srt"
    path.write_text("1\n00:00:00,000 --> 00:00:00,400\nHELLO\n")
    return path


@pytest.mark.parametrize(("name", "codec"), [("a.webm", VP8), ("a.mov", PRORES)])
def test_a_picture_that_no_mp4_holds_is_encoded_anew_beside_a_track(
    tmp_path: Path, captions: Path, name: str, codec: tuple[object, ...]
) -> None:
    video = film(tmp_path / name, 12, 24, "160x120", *codec)
    file, _, planned = made(
        Caption(mode="track"), tmp_path / "made", video=video, captions=captions
    )
    picture = stream(probe(file), "video")
    assert (picture["codec_name"], picture["nb_read_frames"]) == ("h264", "12")
    assert stream(probe(file), "subtitle")["codec_name"] == "mov_text"
    assert said(planned) == {"video": "encoded anew"}


def cover_first(path: Path) -> None:
    """The tags of an MP4 come before its tracks: ffmpeg numbers the cover first."""
    data = path.read_bytes()
    at = data.index(b"moov") - 4
    size = int.from_bytes(data[at : at + 4], "big")
    tags = data.rindex(b"udta", at, at + size) - 4
    moov = data[at : at + 8] + data[tags : at + size] + data[at + 8 : tags]
    path.write_bytes(data[:at] + moov + data[at + size :])


@pytest.mark.parametrize("mode", ["burn", "track"])
def test_a_cover_is_no_picture(tmp_path: Path, captions: Path, mode: str) -> None:
    video = with_a_cover(tmp_path / "a.mp4", film(tmp_path / "plain.mp4", 12))
    cover_first(video)
    task = Caption.model_validate({"mode": mode})
    file, _, _ = made(task, tmp_path / "made", video=video, captions=captions)
    assert stream(probe(file), "video")["width"] == 160
    assert len(packet_hashes(file)) == 12


@pytest.mark.parametrize(
    ("codec", "rate", "kept"),
    [
        ("flac", 44100, "flac"),
        ("libmp3lame", 16000, "mp3"),
        ("libmp3lame", 12000, "aac"),
        ("libvorbis", 44100, "aac"),
    ],
)
def test_the_sound_stays_where_an_mp4_holds_it(
    tmp_path: Path, captions: Path, codec: str, rate: int, kept: str
) -> None:
    video, plain = tmp_path / "a.mkv", film(tmp_path / "plain.mp4", 12)
    sound = ("-f", "lavfi", "-i", "sine=duration=0.5", "-c:a", codec, "-ar", rate)
    ffmpeg("-i", plain, *sound, "-c:v", "copy", video)
    file, _, _ = made(Caption(mode="track"), tmp_path / "made", video=video, captions=captions)
    assert stream(probe(file), "audio")["codec_name"] == kept


def test_a_language_that_is_none_is_told() -> None:
    found = {"video": Facts(form=Form.VIDEO, format="mp4", seconds=1, width=64, height=64)}
    with pytest.raises(Unresolvable, match="xx is no code") as refused:
        resolve(Caption(mode="track", language="xx"), found)
    assert refused.value.body.param == "language"
    assert resolve(Caption(mode="burn", language="xx"), found).plan


@pytest.mark.parametrize("mode", ["burn", "track"])
def test_odd_sides_lose_a_line(tmp_path: Path, captions: Path, mode: str) -> None:
    task = Caption.model_validate({"mode": mode})
    video = odd(tmp_path / "a.webm", *VP8)
    file, _, planned = made(task, tmp_path / "made", video=video, captions=captions)
    picture = stream(probe(file), "video")
    assert (picture["width"], picture["height"]) == (160, 120)
    assert (planned.plan.width, planned.plan.height) == (160, 120)
    assert said(planned)["video.size"] == "160x120"
