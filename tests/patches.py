"""Eight colours as a video of each kind: how it is encoded, and how it says so."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.films import ffmpeg

COLOURS = (
    ((200, 40, 40), (40, 160, 61), (60, 60, 200), (128, 128, 128)),
    ((210, 165, 140), (200, 200, 200), (20, 20, 20), (190, 180, 30)),
)
"""Two rows of four. None is above the light that the curve for HDR leaves alone."""

_VP9 = ("-c:v", "libvpx-vp9", "-cpu-used", 8, "-b:v", 0, "-crf", 4)
_VP8 = ("-c:v", "libvpx", "-crf", 4, "-b:v", "20M")
_VP9_10BIT = (*_VP9, "-profile:v", 2)
_H264 = ("-c:v", "libx264", "-qp", 4)
_HEVC = ("-c:v", "libx265", "-x265-params", "log-level=none:qp=4")
_FROM_SRGB = "format=gbrp,zscale=min=gbr:tin=bt709:pin=bt709:rin=full"


@dataclass(frozen=True)
class Kind:
    """How a video comes to be. ``size`` is the one stored, ``shown`` the one a player has."""

    name: str
    size: tuple[int, int]
    filters: str
    codec: tuple[object, ...]
    shown: tuple[int, int] = (0, 0)
    colours: tuple[tuple[tuple[int, int, int], ...], ...] = COLOURS
    exact_in_chromium: bool = False
    """Chromium's own arithmetic is off by up to 8 in BT.709, and it takes untold VP9 for SD."""

    @property
    def shown_size(self) -> tuple[int, int]:
        return self.shown if self.shown[0] else self.size


def _coded(matrix: str, told: str = "", pixels: str = "yuv420p", levels: str = "tv") -> str:
    """By this matrix; without ``told``, the file says nothing of it."""
    exact = "flags=accurate_rnd+full_chroma_int"
    scale = f"scale=out_color_matrix={matrix}:out_range={levels}:{exact},format={pixels}"
    tags = ":".join(f"{name}={told or 'unknown'}" for name in _TAGS)
    return f"{scale},setparams={tags}"


_TAGS = ("colorspace", "color_primaries", "color_trc")


def _wide(transfer: str, primaries: str = "bt2020", matrix: str = "bt2020nc") -> str:
    light = f"t={transfer}:p={primaries}:m={matrix}:r=limited:npl=203"
    return f"{_FROM_SRGB}:{light},format=yuv420p10le"


def _tags(transfer: str, primaries: str = "bt2020") -> tuple[object, ...]:
    marks = ("-color_primaries", primaries, "-color_trc", transfer, "-colorspace", "bt2020nc")
    return (*marks, "-color_range", "tv")


def _half(colour: tuple[int, int, int]) -> tuple[int, int, int]:
    """Half of it on white."""
    red, green, blue = (round(255 - (255 - value) * 128 / 255) for value in colour)
    return red, green, blue


HD, SD = (1280, 720), (640, 480)
KINDS = (
    Kind("untold_hd.mp4", HD, _coded("bt709"), _H264),
    Kind("untold_hd.webm", HD, _coded("bt709"), _VP9),
    Kind("untold_sd.webm", SD, _coded("bt601"), _VP9, exact_in_chromium=True),
    Kind("bt709_sd.webm", SD, _coded("bt709", "bt709"), _VP9),
    Kind("bt601.webm", SD, _coded("bt601", "smpte170m"), _VP9, exact_in_chromium=True),
    Kind(
        "full_range.webm",
        HD,
        _coded("bt709", "bt709", levels="pc") + ":range=pc",
        _VP9,
        exact_in_chromium=True,
    ),
    Kind("vp8.webm", SD, _coded("bt709", "bt709", levels="pc") + ":range=pc", _VP8),
    Kind("ten_bits.mp4", HD, _coded("bt709", "bt709", "yuv420p10le"), _HEVC),
    Kind("wide.webm", HD, _wide("bt709"), (*_VP9_10BIT, *_tags("bt709"))),
    Kind(
        "p3.mov",
        HD,
        _wide("bt709", "smpte432", "bt709"),
        (*_HEVC, "-color_primaries", "smpte432", "-color_trc", "bt709", "-colorspace", "bt709"),
    ),
    Kind("hlg.mov", HD, _wide("arib-std-b67"), (*_HEVC, *_tags("arib-std-b67"))),
    Kind("hlg.webm", HD, _wide("arib-std-b67"), (*_VP9_10BIT, *_tags("arib-std-b67"))),
    Kind("pq.webm", HD, _wide("smpte2084"), (*_VP9_10BIT, *_tags("smpte2084"))),
    Kind(
        "anamorphic.mp4",
        (1440, 1080),
        _coded("bt709", "bt709") + ",setsar=4/3",
        _H264,
        shown=(1920, 1080),
    ),
    Kind(
        "pal.webm",
        (720, 576),
        _coded("bt601") + ",setsar=16/15",
        _VP9,
        shown=(768, 576),
        exact_in_chromium=True,
    ),
    Kind(
        "ntsc.webm",
        (720, 480),
        _coded("bt601") + ",setsar=8/9",
        _VP9,
        shown=(720, 540),
        exact_in_chromium=True,
    ),
    Kind(
        "alpha.webm",
        SD,
        "format=rgba,lutrgb=a=128," + _coded("bt601", pixels="yuva420p"),
        _VP9,
        colours=tuple(tuple(map(_half, row)) for row in COLOURS),
        exact_in_chromium=True,
    ),
    Kind(
        "alpha.mov",
        HD,
        "format=rgba,lutrgb=a=128," + _coded("bt709", "bt709", pixels="yuva444p10le"),
        ("-c:v", "prores_ks", "-profile:v", 4),
        colours=tuple(tuple(map(_half, row)) for row in COLOURS),
    ),
    Kind(
        "motion_jpeg.mov",
        HD,
        _coded("bt601", "smpte170m", "yuvj420p", "pc"),
        ("-c:v", "mjpeg", "-q:v", 1),
    ),
)


def picture(width: int, height: int) -> NDArray[np.uint8]:
    """RGB [height, width, 3]."""
    columns = np.arange(width) * 4 // width
    rows = np.arange(height) * 2 // height
    return np.array(COLOURS, np.uint8)[rows][:, columns]


def made(folder: Path, kind: Kind, frames: int = 6) -> Path:
    """A film of one kind, of the eight colours, that do not move."""
    path = folder / kind.name
    raw = path.with_suffix(".rgb")
    raw.write_bytes(picture(*kind.size).tobytes() * frames)
    width, height = kind.size
    layout = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", 24]
    ffmpeg(*layout, "-i", raw, "-vf", kind.filters, *kind.codec, path)
    return path


def seen(frame: NDArray[np.uint8]) -> NDArray[np.int64]:
    """The colours in the middles of the eight patches: [2, 4, 3]."""
    height, width, _ = frame.shape
    rows = [height // 4, height * 3 // 4]
    columns = [width // 8 + width * n // 4 for n in range(4)]
    return frame[rows][:, columns].astype(np.int64)
