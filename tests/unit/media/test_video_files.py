"""Files as cameras, phones, editors and browsers write them: taken is what a player shows."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from common.kinds.video import VideoInput
from common.media.videos import VideoInfo, VideoLimits, inspect_video
from common.runtime.videos import load_video
from tests import films
from tests.films import ffmpeg, film

LIMITS = VideoLimits(max_pixels=1_000_000, max_seconds=10)
WANTED = VideoInput(fps=24, min_frames=4, max_frames=32, frames_step=4)


def inspected(path: Path, limits: VideoLimits = LIMITS) -> VideoInfo:
    with path.open("rb") as file:
        return inspect_video(file.fileno(), limits, WANTED)


def _timecode(path: Path, source: Path) -> None:
    ffmpeg("-i", source, "-c", "copy", "-timecode", "01:02:03:04", path)


def _camera(path: Path, source: Path) -> None:
    """As a GoPro's or a DJI's: time code, telemetry and sound beside the film."""
    notes = films.text(path.with_suffix(".vtt"), "WEBVTT\n\n00:00.000 --> 00:01.000\n1.2 m/s\n")
    inputs = ["-i", source, "-f", "lavfi", "-i", "sine=duration=1.5", "-i", notes]
    maps = ["-map", 0, "-map", 1, "-map", 2]
    codecs = ["-c:v", "copy", "-c:a", "aac", "-c:s", "mov_text", "-timecode", "00:00:00:00"]
    ffmpeg(*inputs, *maps, *codecs, path)
    data = path.read_bytes()
    path.write_bytes(data.replace(b"tx3g", b"gpmd").replace(b"sbtl", b"meta"))


def _cover(path: Path, source: Path) -> None:
    films.with_a_cover(path, source)


def _tags(path: Path, source: Path) -> None:
    lies = "x\n  Duration: 00:00:01.00, start\n  Stream #0:0: Video: h264, yuv420p, 8x8, 1 fps"
    tags = [
        "-metadata",
        f"title={lies}",
        "-metadata",
        "comment=ção 🎬",
        "-metadata",
        "artist=" + lies,
    ]
    track = ["-metadata:s:v:0", f"title={lies}", "-metadata:s:v:0", "handler_name=\n\tVideo: none"]
    ffmpeg("-i", source, "-c", "copy", *tags, *track, path)


def _alpha(path: Path, source: Path) -> None:
    """Chromium's recorder says of every film that one can see through it."""
    ffmpeg("-i", source, "-c", "copy", "-metadata:s:v:0", "alpha_mode=1", path)


def _chapters(path: Path, source: Path) -> None:
    chapters = ";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/10\nSTART=0\nEND=7\ntitle=Video: h264, 8x8\n"
    notes = films.text(path.with_suffix(".txt"), chapters)
    ffmpeg("-i", source, "-i", notes, "-map_metadata", 1, "-c", "copy", path)


def _proxy_first(path: Path, source: Path) -> None:
    """Two pictures: the second one is marked as what is to be shown."""
    small = film(path.with_name("small.mp4"), 36, 24, "64x64")
    marks = ["-disposition:v:0", "0", "-disposition:v:1", "default"]
    ffmpeg("-i", small, "-i", source, "-map", 0, "-map", 1, "-c", "copy", *marks, path)


def _sound_first(path: Path, source: Path) -> None:
    sound = ["-f", "lavfi", "-i", "sine=duration=3"]
    ffmpeg(*sound, "-i", source, "-map", 0, "-map", 1, "-c:v", "copy", "-c:a", "aac", path)


WRITERS: dict[str, Callable[[Path, Path], None]] = {
    "timecode.mp4": _timecode,
    "timecode.mov": _timecode,
    "camera.mp4": _camera,
    "cover.mp4": _cover,
    "tags.mp4": _tags,
    "tags.mkv": _tags,
    "alpha.mkv": _alpha,
    "chapters.mp4": _chapters,
    "proxy.mp4": _proxy_first,
    "proxy.mkv": _proxy_first,
    "sound.mp4": _sound_first,
    "sound.mkv": _sound_first,
}


@pytest.mark.parametrize("name", WRITERS)
def test_what_lies_beside_the_film_does_not_hide_it(tmp_path: Path, name: str):
    """Tracks and tags that are not the film: a time code made an MP4 "no video"."""
    source = film(tmp_path / "source.mp4")
    path = tmp_path / name
    WRITERS[name](path, source)
    info = inspected(path)
    assert (info.width, info.height, info.num_frames) == (160, 120, 32)
    assert info.seconds == pytest.approx(1.5, abs=0.1)
    loaded = load_video(path, num_frames=32, width=160, height=120, fps=24)
    plain = load_video(source, num_frames=32, width=160, height=120, fps=24)
    assert np.array_equal(loaded, plain)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_title_in_another_alphabet_is_nobodys_business(tmp_path: Path, suffix: str):
    """Tags that are not the film: a title that is not UTF-8, as of old programs, stops none."""
    source, path = film(tmp_path / "source.mp4"), tmp_path / f"title{suffix}"
    ffmpeg("-i", source, "-c", "copy", "-metadata", "title=Sao Paulo", path)
    data = path.read_bytes()
    assert b"Sao Paulo" in data
    path.write_bytes(data.replace(b"Sao Paulo", "São Paulo".encode("latin-1")))
    assert inspected(path).num_frames == 32


LIVE = {
    "vp8.webm": ("-c:v", "libvpx", "-live", 1),
    "vp9.webm": ("-c:v", "libvpx-vp9", "-cpu-used", 8, "-live", 1),
    "h264.mkv": ("-live", 1),
    "fragments.mp4": ("-g", 6, "-movflags", "+empty_moov+frag_keyframe+default_base_moof"),
}


@pytest.mark.parametrize("name", LIVE)
@pytest.mark.parametrize(("frames", "taken"), [(12, 12), (60, 32)])
def test_a_recording_without_a_length_is_taken_by_its_beginning(
    tmp_path: Path, name: str, frames: int, taken: int
):
    """Files written while they grow, as a browser's recorder does: none states a length."""
    path = tmp_path / name
    growing = tmp_path / f"pipe{path.suffix}"
    film(growing, frames, 24, "160x120", *LIVE[name])
    data = growing.read_bytes()
    at = data.rfind(b"mfra") - 4
    path.write_bytes(data[:at] if at > 0 else data)
    info = inspected(path)
    assert (info.width, info.height, info.num_frames) == (160, 120, taken)
    assert taken / 24 - 0.05 <= info.seconds <= frames / 24 + 0.05
    assert len(load_video(path, num_frames=taken, width=32, height=32, fps=24)) == taken


def test_the_length_is_the_films_not_the_sounds(tmp_path: Path):
    source, path = film(tmp_path / "a.mp4"), tmp_path / "b.mp4"
    _sound_first(path, source)
    assert inspected(path, VideoLimits(1_000_000, 1.5)).seconds == 1.5


def grays(path: Path, count: int, *options: object, fps: float = 24) -> Path:
    """Frame n has the gray 5 n."""
    frames = np.zeros((count, 64, 64, 3), np.uint8)
    frames[:] = (np.arange(count) * 5)[:, None, None, None]
    raw = path.with_suffix(".rgb")
    raw.write_bytes(frames.tobytes())
    layout = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", "64x64", "-r", fps]
    ffmpeg(*layout, "-i", raw, "-c:v", "libx264rgb", "-qp", 0, *options, path)
    return path


def shown(path: Path, count: int) -> list[int]:
    """The numbers of the frames, by their gray."""
    loaded = load_video(path, num_frames=count, width=8, height=8, fps=24)
    return [round(value / 5) for value in loaded.mean((1, 2, 3))]


def test_frames_that_an_edit_list_hides_are_not_taken(tmp_path: Path):
    """A beginning that players skip: phones and editors trim so, from a keyframe before."""
    whole = grays(tmp_path / "a.mp4", 48, "-g", 48)
    ffmpeg("-ss", 0.5, "-i", whole, "-c", "copy", tmp_path / "cut.mp4")
    assert inspected(tmp_path / "cut.mp4").num_frames == 32
    assert shown(tmp_path / "cut.mp4", 20) == list(range(12, 32))


def test_a_film_that_begins_late_begins_with_its_first_frame(tmp_path: Path):
    whole = grays(tmp_path / "a.mp4", 24)
    sound = ["-f", "lavfi", "-i", "sine=duration=2"]
    late = ["-itsoffset", 0.5, "-i", whole, "-map", 0, "-map", 1, "-c:v", "copy", "-c:a", "aac"]
    ffmpeg(*sound, *late, tmp_path / "late.mp4")
    assert inspected(tmp_path / "late.mp4").num_frames == 24
    assert shown(tmp_path / "late.mp4", 12) == list(range(12))


def test_frames_come_by_their_time_not_by_their_number(tmp_path: Path):
    """Variable frame rate, as phones write it in the dark: every second frame is missing here."""
    whole = grays(tmp_path / "a.mp4", 48)
    some = ["-vf", "select='lt(n,8)+not(mod(n,2))'", "-fps_mode", "passthrough"]
    ffmpeg("-i", whole, *some, "-c:v", "libx264rgb", "-qp", 0, tmp_path / "vfr.mp4")
    assert shown(tmp_path / "vfr.mp4", 12) == [*range(8), 8, 8, 10, 10]
    assert inspected(tmp_path / "vfr.mp4").num_frames == 32


def test_odd_sides_are_kept(tmp_path: Path):
    path = films.of_frames(tmp_path / "a.mkv", np.zeros((12, 33, 47, 3), np.uint8))
    info = inspected(path)
    assert (info.width, info.height, info.num_frames) == (47, 33, 12)
