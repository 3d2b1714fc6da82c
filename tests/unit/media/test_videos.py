"""Videos from clients, of every bad kind, before and while they are decoded."""

import contextlib
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from common.base.errors import InvalidRequest
from common.kinds.video import VideoInput
from common.media.videos import VideoInfo, VideoLimits, inspect_video
from common.runtime.videos import load_video
from tests import films
from tests.films import film

LIMITS = VideoLimits(max_pixels=1_000_000, max_seconds=10)
WANTED = VideoInput(fps=24, min_frames=4, max_frames=32, frames_step=4)


def inspected(path: Path, limits: VideoLimits = LIMITS) -> VideoInfo:
    with path.open("rb") as file:
        return inspect_video(file.fileno(), limits, WANTED)


def refused(path: Path, limits: VideoLimits = LIMITS) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        inspected(path, limits)
    assert caught.value.body.param == "video"
    assert caught.value.body.hint
    return caught.value


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.mp4", ()),
        ("a.mov", ()),
        ("a.mkv", ()),
        ("a.webm", ("-c:v", "libvpx")),
        ("vp9.webm", ("-c:v", "libvpx-vp9", "-cpu-used", 8)),
        ("hevc.mp4", ("-c:v", "libx265", "-x265-params", "log-level=none")),
        ("10bit.mp4", ("-pix_fmt", "yuv420p10le")),
        ("fragmented.mp4", ("-movflags", "+frag_keyframe")),
    ],
)
def test_accepted(tmp_path: Path, name: str, options: tuple[object, ...]):
    info = inspected(film(tmp_path / name, 36, 24, "160x120", *options))
    assert (info.width, info.height, info.num_frames) == (160, 120, 32)
    assert info.seconds == pytest.approx(1.5, abs=0.05)
    assert info.format == ("mp4" if name.endswith(("mp4", "mov")) else "webm")


@pytest.mark.parametrize(("frames", "fps", "taken"), [(30, 30, 24), (12, 12, 24), (9, 24, 9)])
def test_frames_are_counted_at_the_models_rate(tmp_path: Path, frames: int, fps: int, taken: int):
    assert inspected(film(tmp_path / "a.mp4", frames, fps)).num_frames == taken


def test_sides_are_those_a_player_shows(tmp_path: Path):
    film(tmp_path / "flat.mp4")
    turned = tmp_path / "turned.mp4"
    films.ffmpeg("-display_rotation", 90, "-i", tmp_path / "flat.mp4", "-c", "copy", turned)
    info = inspected(turned)
    assert (info.width, info.height) == (120, 160)


def test_the_limits_themselves_are_allowed(tmp_path: Path):
    path = film(tmp_path / "a.mp4", 36)
    assert inspected(path, VideoLimits(160 * 120, 1.5))
    assert "160x120" in refused(path, VideoLimits(160 * 120 - 1, 1.5)).body.message
    assert "1.5 seconds long" in refused(path, VideoLimits(160 * 120, 1.49)).body.message


NO_VIDEO: dict[str, Callable[[Path], Path]] = {
    "text": lambda path: films.text(path, "I am a film"),
    "empty": lambda path: films.text(path, ""),
    "sound": films.sound_only,
    "cover": films.sound_with_a_cover,
    "hls": lambda path: films.text(path, "#EXTM3U\n#EXTINF:1,\na.ts\n#EXT-X-ENDLIST\n"),
    "concat": lambda path: films.text(path, "ffconcat version 1.0\nfile a.ts\n"),
    "header": lambda path: films.beginning(film(path), 0.05),
}


@pytest.mark.parametrize("kind", NO_VIDEO)
def test_what_is_no_video_is_told_what_would_be(tmp_path: Path, kind: str):
    assert "MP4" in (refused(NO_VIDEO[kind](tmp_path / "a.mp4")).body.hint or "")


@pytest.mark.parametrize("name", ["gif.mp4", "avi.mp4", "ts.mp4", "png.mp4"])
def test_other_formats_are_refused_whatever_their_name(tmp_path: Path, name: str):
    kind = {"ts": "mpegts", "png": "image2"}.get(name.partition(".")[0], name.partition(".")[0])
    path = tmp_path / name
    one = ("-update", 1, "-frames:v", 1) if kind == "image2" else ()
    source = ["-f", "lavfi", "-i", "testsrc2=size=64x64:duration=1"]
    codec = ("-c:v", "png") if kind == "image2" else ()
    films.ffmpeg(*source, *one, *codec, "-f", kind, path)
    assert "known format" in refused(path).body.message


@pytest.mark.parametrize("share", [0.3, 0.5])
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_a_video_that_ends_in_its_beginning_is_incomplete(tmp_path: Path, name: str, share: float):
    assert "incomplete" in refused(films.beginning(film(tmp_path / name), share)).body.message


def test_what_is_missing_later_does_not_matter(tmp_path: Path):
    assert inspected(films.beginning(film(tmp_path / "a.mp4", 120), 0.8)).num_frames == 32


@pytest.mark.parametrize("share", [1.0, 0.5])
def test_a_damaged_video_is_refused(tmp_path: Path, share: float):
    assert "damaged" in refused(films.damaged(film(tmp_path / "a.mp4"), share)).body.message


def test_a_cover_is_not_the_video(tmp_path: Path):
    path = films.with_a_cover(tmp_path / "cover.mp4", film(tmp_path / "a.mp4", 36))
    info = inspected(path)
    assert (info.width, info.num_frames) == (160, 32)


@pytest.mark.parametrize("frames", [1, 3])
def test_a_video_may_be_too_short(tmp_path: Path, frames: int):
    message = refused(film(tmp_path / "a.mp4", frames)).body.message
    assert f"{frames} of at least 4 frames" in message


def test_tags_are_not_taken_for_the_header(tmp_path: Path):
    lies = "x\n  Duration: 00:00:01.00, start\n  Stream #0:0: Video: h264, yuv420p, 8x8, 1 fps"
    path = film(tmp_path / "a.mp4", 36, 24, "160x120", "-metadata", f"title={lies}")
    assert inspected(path).seconds == 1.5
    assert "160x120" in refused(path, VideoLimits(1000, 10)).body.message


def test_no_damage_escapes_as_another_error(tmp_path: Path):
    rng = np.random.default_rng(5)
    whole = film(tmp_path / "a.mp4").read_bytes()
    for _ in range(15):
        data = bytearray(whole)
        for at in rng.integers(0, len(data), 8):
            data[at] = rng.integers(0, 256)
        path = tmp_path / "b.mp4"
        path.write_bytes(data)
        with contextlib.suppress(InvalidRequest):
            inspected(path)


@contextmanager
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        yield server


HLS = "#EXTM3U\n#EXTINF:1,\n{url}/a.ts\n#EXTINF:1,\n{file}\n#EXT-X-ENDLIST\n"
CONCAT = "ffconcat version 1.0\nfile {url}/a.mp4\nfile {file}\n"
DASH = """<?xml version="1.0"?>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" profiles="urn:mpeg:dash:profile:isoff-on-demand:2011"
 type="static" mediaPresentationDuration="PT1S" minBufferTime="PT1S"><Period>
<AdaptationSet mimeType="video/mp4" contentType="video"><Representation id="0" bandwidth="1"
 width="64" height="64" codecs="avc1.42c01e"><BaseURL>{url}/a.mp4</BaseURL>
<SegmentBase indexRange="0-1"/></Representation></AdaptationSet></Period></MPD>"""


@pytest.mark.parametrize("playlist", [HLS, CONCAT, DASH], ids=["hls", "concat", "dash"])
def test_a_playlist_reaches_nothing(tmp_path: Path, playlist: str):
    """Neither another file nor an address."""
    secret = film(tmp_path / "secret.mp4")
    with listening() as server:
        host, port = server.getsockname()
        words = playlist.format(url=f"http://{host}:{port}", file=secret)
        path = films.text(tmp_path / "a.mp4", words)
        assert "known format" in refused(path).body.message
        with pytest.raises(TimeoutError):
            server.accept()


def test_frames_come_as_the_first_ones_scaled(tmp_path: Path):
    frames = np.zeros((10, 32, 48, 3), np.uint8)
    frames[:] = (np.arange(10) * 20)[:, None, None, None]
    path = films.of_frames(tmp_path / "a.mkv", frames)
    loaded = load_video(path, num_frames=8, width=24, height=16, fps=24)
    assert loaded.shape == (8, 16, 24, 3)
    assert np.abs(loaded.astype(int) - frames[:8, :16, :24]).max() <= 2


def test_a_video_without_so_many_frames_is_a_clean_error(tmp_path: Path):
    path = film(tmp_path / "a.mp4", 8)
    with pytest.raises(InvalidRequest, match="12 frames of the video"):
        load_video(path, num_frames=12, width=16, height=16, fps=24)
    with pytest.raises(InvalidRequest, match="8 frames of the video"):
        load_video(films.text(path, "a"), num_frames=8, width=16, height=16, fps=24)
    with pytest.raises(OSError, match="gone"):
        load_video(tmp_path / "gone.mp4", num_frames=8, width=16, height=16, fps=24)
