"""Frames as the encoder takes them have the colours of the picture, where the picture has them."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from common.media.clip import PixelFormat, VideoClip
from common.media.codecs import EncoderSettings
from common.media.encoder import encode
from studio.operations.film.drawing import Camera
from studio.operations.film.planes import Planes, chroma_matrix
from tests.films import ffmpeg
from tests.unit.media.ffprobe import probe, stream

FRAME = (192, 108)
BARS = np.array(
    [
        *([255, 255, 255], [0, 0, 0], [255, 0, 0], [0, 255, 0]),
        *([0, 0, 255], [200, 150, 20], [20, 90, 200], [128, 128, 128]),
    ]
)


def bars() -> NDArray[np.uint8]:
    """Eight colours side by side, 24 pixels each."""
    return np.repeat(np.repeat(BARS, 24, axis=0)[None], 108, axis=0).astype(np.uint8)


def filmed(picture: NDArray[np.uint8], folder: Path) -> NDArray[np.uint8]:
    """One frame, through the encoder and another decoder, as RGB."""
    frame = Camera(Planes.of(picture), FRAME, "none", 1.0).frame_at(0.0)
    clip = VideoClip(iter([frame[None]]), 1, *FRAME, 24, pixel_format=PixelFormat.YUV420P)
    path, raw = folder / "video.mp4", folder / "frame.rgb"
    nothing = lambda _: None  # noqa: E731
    encode(clip, path, EncoderSettings(crf=1), {}, on_chunk=nothing, on_frames_done=nothing)
    told = stream(probe(path), "video")
    assert (told["pix_fmt"], told["color_range"], told["color_space"]) == ("yuv420p", "tv", "bt709")
    ffmpeg(
        "-i",
        path,
        "-vf",
        "scale=flags=accurate_rnd+full_chroma_int",
        "-f",
        "rawvideo",
        "-pix_fmt",
        "rgb24",
        raw,
    )
    return np.fromfile(raw, np.uint8).reshape(108, 192, 3)


def test_colours_are_those_of_the_picture(tmp_path: Path) -> None:
    shown = filmed(bars(), tmp_path)[50, 12::24].astype(int)
    assert np.abs(shown - BARS).max() <= 3, shown


@pytest.mark.parametrize(
    ("rgb", "yuv"),
    [  # ITU-R BT.709-6, by hand
        ((255, 255, 255), (235, 128, 128)),
        ((0, 0, 0), (16, 128, 128)),
        ((255, 0, 0), (63, 102, 240)),
        ((0, 0, 255), (32, 240, 118)),
    ],
)
def test_the_matrix_is_that_of_the_tags(rgb: tuple[int, ...], yuv: tuple[int, ...]) -> None:
    planes = Planes.of(np.full((2, 2, 3), rgb, np.uint8))
    assert (planes.y[0, 0], planes.u[0, 0], planes.v[0, 0]) == yuv


def ramp(pixels: int, at: NDArray[np.float64]) -> NDArray[np.float64]:
    """From 20 to 220 over so many pixels."""
    return 20 + 200 * at / (pixels - 1)


@pytest.mark.parametrize("size", [(48, 28), (95, 55), (33, 21)])
def test_colour_lies_where_its_light_does(size: tuple[int, int]) -> None:
    """Red grows to the right and blue downwards: five of 255 a pixel, so that half of one shows."""
    (width, height), (wide, high) = size, (48, 28)
    columns, rows = np.arange(width)[None, :], np.arange(height)[:, None]
    red, blue = np.broadcast_arrays(ramp(width, columns), ramp(height, rows))
    picture = np.stack([red, np.full_like(red, 128), blue], axis=2).round().astype(np.uint8)
    frame = Camera(Planes.of(picture), (wide, high), "zoom_in", 1.3).frame_at(0.5)
    u, v = frame[high:].reshape(2, high // 2, wide // 2).astype(float)
    x, y = 2 * np.arange(wide / 2)[None, :], 2 * np.arange(high / 2)[:, None] + 0.5
    red = ramp(width, (x - (wide - 1) / 2) * width / wide / 1.15 + (width - 1) / 2)
    blue = ramp(height, (y - (high - 1) / 2) * height / high / 1.15 + (height - 1) / 2)
    light = 0.2126 * red + 0.7152 * 128 + 0.0722 * blue
    inner = slice(2, -2), slice(2, -2)  # an edge is repeated
    blueness, redness = (blue - light) / 1.8556, (red - light) / 1.5748
    for found, difference in ((u, blueness), (v, redness)):
        away = (found - 128 - difference * 224 / 255)[inner]
        assert abs(away.mean()) < 0.6, away  # half a pixel is more than 1


def test_a_canvas_of_the_frames_size_is_read_half_a_pixel_to_the_left() -> None:
    """There U and V lie in the middle of their pixels; in a film at the left of them."""
    matrix = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))
    assert chroma_matrix(matrix, FRAME, (96, 54)) == ((1.0, 0.0, -0.25), (0.0, 1.0, 0.0))
