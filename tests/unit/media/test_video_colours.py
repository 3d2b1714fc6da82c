"""A video's colours and shape, as the model gets them, are what was filmed."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from common.kinds.video import VideoInput
from common.media.videos import VideoInfo, VideoLimits, inspect_video
from common.runtime.videos import load_video
from tests.films import ffmpeg
from tests.patches import KINDS, Kind, made, picture, seen

LEVELS = 3
"""Of 255."""
WANTED = VideoInput(fps=24, min_frames=4, max_frames=32, frames_step=4)


def inspected(path: Path) -> VideoInfo:
    with path.open("rb") as file:
        return inspect_video(file.fileno(), VideoLimits(4_000_000, 10), WANTED)


def loaded(path: Path, width: int = 128, height: int = 64, count: int = 4) -> NDArray[np.uint8]:
    return load_video(path, num_frames=count, width=width, height=height, fps=24)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_colours_and_shape_are_those_that_were_filmed(tmp_path: Path, kind: Kind):
    """Colours by whatever matrix, range, primaries, light and depth; pixels of whatever shape."""
    path = made(tmp_path, kind)
    info = inspected(path)
    assert (info.width, info.height) == kind.shown_size
    assert info.num_frames == 6
    difference = np.abs(seen(loaded(path)[0]) - np.array(kind.colours))
    assert difference.max() <= LEVELS, difference.max(axis=2)


@pytest.mark.parametrize("transfer", ["arib-std-b67", "smpte2084"])
def test_highlights_of_hdr_are_pressed_together_and_not_cut_off(tmp_path: Path, transfer: str):
    """Light above white: steps of it stay steps, and white stays light."""
    steps = [0.5, 1, 2, 4]  # of white
    columns = np.repeat(np.array(steps, np.float32) / 4, 64)
    plane = np.broadcast_to(columns, (128, 256))
    raw = tmp_path / "a.raw"
    raw.write_bytes(np.stack([plane] * 3).astype("<f4").tobytes() * 6)
    layout = ["-f", "rawvideo", "-pix_fmt", "gbrpf32le", "-s", "256x128", "-r", 24]
    light = "zscale=min=gbr:tin=linear:pin=bt709:rin=full"
    hdr = f"{light}:t={transfer}:p=bt2020:m=bt2020nc:r=limited:npl={4 * 203},format=yuv420p10le"
    tags = ["-color_primaries", "bt2020", "-color_trc", transfer, "-colorspace", "bt2020nc"]
    codec = ["-c:v", "libx265", "-x265-params", "log-level=none:qp=4"]
    ffmpeg(*layout, "-i", raw, "-vf", hdr, *codec, *tags, tmp_path / "a.mp4")
    half, white, twice, four = loaded(tmp_path / "a.mp4")[0, 32, 16::32, 1].astype(int)
    assert half == pytest.approx(255 * 0.5 ** (1 / 2.4), abs=LEVELS)
    assert 225 <= white < 240
    assert white + 5 < twice < four <= 255
    assert four - twice >= 5


TURNS: dict[str, tuple[tuple[object, ...], Callable[[NDArray[np.uint8]], NDArray[np.uint8]]]] = {
    "not": (("-display_rotation", 0), lambda frame: frame),
    "left": (("-display_rotation", 90), lambda frame: np.rot90(frame, 1)),
    "over": (("-display_rotation", 180), lambda frame: np.rot90(frame, 2)),
    "right": (("-display_rotation", 270), lambda frame: np.rot90(frame, 3)),
    "mirrored": (("-display_hflip",), lambda frame: frame[:, ::-1]),
}


@pytest.mark.parametrize("turn", TURNS)
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_phones_film_is_upright(tmp_path: Path, turn: str, suffix: str):
    """Orientation is in the header only: a phone held upright films on its side."""
    kind = next(kind for kind in KINDS if kind.name == "untold_sd.webm")
    flat = made(tmp_path, kind)
    options, turned = TURNS[turn]
    path = tmp_path / f"turned{suffix}"
    ffmpeg(*options, "-i", flat, "-c", "copy", path)
    right = turned(picture(*kind.size))
    info = inspected(path)
    assert (info.height, info.width) == right.shape[:2]
    got = loaded(path, info.width // 5, info.height // 5)[0]
    assert np.abs(got[8::16, 8::16].astype(int) - right[40::80, 40::80]).max() <= LEVELS


FIELDS: dict[str, tuple[object, ...]] = {
    "h264.mp4": ("-c:v", "libx264", "-qp", 4, "-x264-params", "tff=1"),
    "mpeg2.mkv": ("-c:v", "mpeg2video", "-q:v", 2, "-flags", "+ildct+ilme"),
    "prores.mov": ("-c:v", "prores_ks", "-flags", "+ildct"),
}


@pytest.mark.parametrize("name", FIELDS)
def test_an_interlaced_film_has_no_comb(tmp_path: Path, name: str):
    """Two moments in one frame, on alternate lines, as camcorders and television have them."""
    moments = np.full((48, 96, 128, 3), 40, np.uint8)
    for moment, frame in enumerate(moments):
        frame[:, 2 * moment : 2 * moment + 20] = 200  # a bar on its way to the right
    frames = moments[::2].copy()
    frames[:, 1::2] = moments[1::2, 1::2]
    raw = tmp_path / "a.rgb"
    raw.write_bytes(frames.tobytes())
    layout = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", "128x96", "-r", 24]
    mark = "format=yuv422p" if "prores" in name else "format=yuv420p"
    marked = f"scale=interl=1,{mark},setfield=tff"
    ffmpeg(*layout, "-i", raw, "-vf", marked, *FIELDS[name], tmp_path / name)
    assert inspected(tmp_path / name).num_frames == 24
    got = loaded(tmp_path / name, 128, 96, 20)[4:].astype(int)
    assert got.max() > 180
    assert np.abs(np.diff(got[:, 8:-8], axis=1)).mean() < 0.5
