"""Videos that ask for more than they may: memory, streams and decoders that a file chooses."""

import subprocess
import sys
from pathlib import Path

import pytest

from common.base.errors import InvalidRequest
from common.kinds.video import VideoInput
from common.media.videos import VideoLimits, inspect_video
from tests import boxes, films

LIMITS = VideoLimits(max_pixels=10_000_000, max_seconds=60)
WANTED = VideoInput(fps=24, min_frames=4, max_frames=32, frames_step=4)

LOOK = """
import resource, sys
from common.base.errors import InvalidRequest
from common.media.videos import VideoLimits, inspect_video
from common.media.clip import VideoInput
with open(sys.argv[1], "rb") as file:
    try:
        wanted = VideoInput(fps=24, min_frames=4, max_frames=32, frames_step=4)
        inspect_video(file.fileno(), VideoLimits(10_000_000, 60), wanted)
    except InvalidRequest:
        print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)
"""


@pytest.mark.parametrize("tracks", [1, 8])
def test_a_table_of_samples_costs_what_the_file_weighs_not_what_it_claims(
    tmp_path: Path, tracks: int
):
    """Numbers in a header that stand for memory: 652 bytes cost 731 MiB a track."""
    path = tmp_path / "a.mp4"
    path.write_bytes(boxes.claiming(20_000_000, tracks))
    command = [sys.executable, "-c", LOOK, str(path)]
    looked = subprocess.run(command, capture_output=True, check=True, text=True)
    assert int(looked.stdout) < 128


def refused(path: Path) -> InvalidRequest:
    with path.open("rb") as file, pytest.raises(InvalidRequest) as caught:
        inspect_video(file.fileno(), LIMITS, WANTED)
    assert caught.value.body.param == "video"
    return caught.value


ODD = {
    "jpeg2000": "mov",
    "png": "mov",
    "qtrle": "mov",
    "gif": "mkv",
    "ffv1": "mkv",
    "flv": "mkv",
    "wmv2": "mkv",
    "msmpeg4": "mkv",
    "huffyuv": "mkv",
    "svq1": "mov",
    "cinepak": "mov",
    "theora": "mkv",
    "mpeg1video": "mkv",
    "rawvideo": "mov",
    "snow": "mkv",
    "tiff": "mov",
    "dvvideo": "mov",
}


@pytest.mark.parametrize("codec", ODD)
def test_only_decoders_of_what_people_use_are_led_to_a_strangers_bytes(tmp_path: Path, codec: str):
    """A file that chooses its decoder: 15 of these 17 were decoded."""
    size = "720x576" if codec == "dvvideo" else "64x64"
    path = tmp_path / f"a.{ODD[codec]}"
    source = f"testsrc2=size={size}:rate=25:duration=1"
    films.ffmpeg("-f", "lavfi", "-i", source, "-c:v", codec, "-strict", -2, path)
    error = refused(path)
    assert "is not taken" in error.body.message
    assert "H.264" in (error.body.hint or "")


TAKEN = {
    "libx264": "mp4",
    "libx265": "mp4",
    "libvpx": "webm",
    "libvpx-vp9": "webm",
    "libsvtav1": "mp4",
    "mpeg4": "mp4",
    "h263": "3gp",
    "mpeg2video": "mkv",
    "mjpeg": "mov",
    "prores_ks": "mov",
    "dnxhd": "mov",
}


@pytest.mark.parametrize("codec", TAKEN)
def test_what_cameras_phones_browsers_and_editors_write_is_taken(tmp_path: Path, codec: str):
    options = {"dnxhd": ("-profile:v", "dnxhr_sq", "-pix_fmt", "yuv422p")}.get(codec, ())
    if codec == "mjpeg":
        options = ("-pix_fmt", "yuvj420p")
    path = films.film(tmp_path / f"a.{TAKEN[codec]}", 24, 24, "352x288", "-c:v", codec, *options)
    with path.open("rb") as file:
        info = inspect_video(file.fileno(), LIMITS, WANTED)
    assert (info.width, info.height, info.num_frames) == (352, 288, 24)


def test_a_file_of_very_many_tracks_is_not_opened(tmp_path: Path):
    """Streams without end: each has its own tables, parsers and decoders."""
    film = films.film(tmp_path / "a.mp4", 4, 24, "64x64")
    maps = [word for _ in range(70) for word in ("-map", 0)]
    films.ffmpeg("-i", film, *maps, "-c", "copy", tmp_path / "many.mp4")
    refused(tmp_path / "many.mp4")


def test_a_frame_beyond_the_limit_is_told_by_its_size(tmp_path: Path):
    """The header alone says so: no frame of it is decoded."""
    path = films.film(tmp_path / "a.mp4", 4, 24, "640x480")
    with path.open("rb") as file, pytest.raises(InvalidRequest, match="640x480"):
        inspect_video(file.fileno(), VideoLimits(1000, 60), WANTED)
