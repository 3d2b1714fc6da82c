"""Frames that lie far in a video: found without decoding all, and the same to the bit."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from common.base.errors import EncodingFailed, InvalidRequest
from common.media.video.chain import Take
from common.media.video.reader import MAX_PIXELS, read_frames, read_header
from common.media.video.still import frame_as_png
from common.runtime.videos import load_video
from tests.films import ffmpeg, film

SIZE = (160, 48)
LONG_GOPS = ("-c:v", "libx264", "-x264-params", "keyint=90:bframes=6:b-pyramid=normal:open-gop=1")
REFRESHED = ("-c:v", "libx264", "-x264-params", "intra-refresh=1:keyint=60")
"""Without a key frame behind the first."""
OPEN_HEVC = ("-c:v", "libx265", "-x265-params", "keyint=60:bframes=5:open-gop=1:log-level=none")
VP9 = ("-c:v", "libvpx-vp9", "-g", 70, "-deadline", "realtime", "-cpu-used", 8)
VARIABLE = "select='not(mod(n,7))+lt(mod(n,50),9)'"
"""Some frames stay for long, some are short."""
LATE = ("-itsoffset", "0.37")
"""The sound begins before the picture."""


def long(path: Path, *options: object, filters: str = "null", late: tuple[str, ...] = ()) -> Path:
    """Sixteen seconds of moving picture at 25 a second, and sound."""
    picture = ("-f", "lavfi", "-i", f"testsrc2=size={SIZE[0]}x{SIZE[1]}:rate=25:duration=16")
    sound = ("-f", "lavfi", "-i", "sine=duration=16")
    shown = ("-vf", filters, "-fps_mode", "passthrough", "-pix_fmt", "yuv420p")
    ffmpeg(*late, *picture, *sound, *shown, "-map", 0, "-map", 1, *options, path)
    return path


def all_of(path: Path, fps: float, count: int) -> NDArray[np.uint8]:
    """Decoded from the first one on."""
    with path.open("rb") as file:
        track = read_header(file.fileno(), MAX_PIXELS).video
        assert track is not None
        ended = read_frames(file.fileno(), track, Take(fps, count, *SIZE))
    return np.frombuffer(ended.output, np.uint8).reshape(-1, SIZE[1], SIZE[0], 3)


def still(path: Path, fps: float, number: int) -> NDArray[np.uint8]:
    png = frame_as_png(path, Take(fps, 1, *SIZE, number))
    return np.asarray(Image.open(BytesIO(png)))


@pytest.mark.parametrize(
    ("name", "options", "filters", "late", "fps"),
    [
        ("a.mkv", LONG_GOPS, "null", LATE, 23.976),
        ("a.mp4", LONG_GOPS, VARIABLE, LATE, 60),
        ("a.mp4", REFRESHED, "null", (), 25),
        ("a.mp4", OPEN_HEVC, "null", (), 12.5),
        ("a.webm", VP9, VARIABLE, (), 29.97),
        ("a.mp4", ("-movflags", "+frag_keyframe+empty_moov"), "null", LATE, 25),
    ],
    ids=["long GOPs", "variable rate", "no key frames", "open GOPs", "VP9", "fragments"],
)
def test_a_frame_is_the_one_that_decoding_all_shows(
    tmp_path: Path,
    name: str,
    options: tuple[object, ...],
    filters: str,
    late: tuple[str, ...],
    fps: float,
) -> None:
    path = long(tmp_path / name, *options, filters=filters, late=late)
    frames = all_of(path, fps, 2000)
    last = len(frames) - 1
    for number in (last // 2, last - 70, last):
        assert np.array_equal(still(path, fps, number), frames[number]), number
    part = load_video(path, num_frames=9, width=SIZE[0], height=SIZE[1], fps=fps, start=last - 20)
    assert np.array_equal(part, frames[last - 20 : last - 11])


def test_what_lies_far_before_a_frame_is_not_decoded(tmp_path: Path) -> None:
    path = long(tmp_path / "a.mp4", *LONG_GOPS, "-movflags", "+faststart")
    whole = still(path, 25, 399)
    data = bytearray(path.read_bytes())
    begin = data.index(b"mdat") + 8
    for at in range(begin + 3000, begin + (len(data) - begin) // 2, 50):
        data[at] ^= 0xFF
    path.write_bytes(data)
    assert np.array_equal(still(path, 25, 399), whole)
    with pytest.raises((EncodingFailed, InvalidRequest)):
        still(path, 25, 150)


def test_files_that_are_shorter_than_they_say_end_with_their_last_frame(tmp_path: Path) -> None:
    path = long(tmp_path / "a.mp4", *LONG_GOPS)
    assert np.array_equal(still(path, 25, 401), still(path, 25, 399))
    with pytest.raises(EncodingFailed):
        still(path, 25, 430)


def test_a_frame_that_takes_too_long_is_refused_in_words(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4")
    with pytest.raises(InvalidRequest, match="too much time"):
        frame_as_png(path, Take(24, 1, *SIZE, 9), seconds=0)
