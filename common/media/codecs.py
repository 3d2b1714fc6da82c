"""Which encoder makes the H.264, and the words that ffmpeg wants for it."""

import logging
import math
import subprocess
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from imageio_ffmpeg import get_ffmpeg_exe

from common.base.bounded_child import bare_environment
from common.base.errors import EncodingFailed

logger = logging.getLogger("videosdgx.media")

Codec = Literal["libx264", "h264_nvenc"]

GPU_NAMES = ("CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES", "NVIDIA_DRIVER_CAPABILITIES")
"""What NVENC goes by, of the environment. Our keys and addresses are none of FFmpeg's business."""
_TRIAL_SIDE = 256
"""Pixels. NVENC refuses pictures below about 145 x 49."""
_TRIAL_SECONDS = 30
"""A first use of the driver takes seconds; a hanging one must not hold the worker."""

_NTSC_TOLERANCE = 2e-4
"""Relative. Takes in 23.98 (1.7e-4 away) and not 24 (1e-3 away)."""

COLOUR_FILTER = (
    "scale=out_color_matrix=bt709:out_range=tv:flags=bicubic+accurate_rnd,"
    "format=yuv420p,"
    "setparams=range=tv:colorspace=bt709:color_primaries=bt709:color_trc=bt709"
)
"""RGB to BT.709, and the tags that say so.

ffmpeg converts by BT.601 unless told, and players take untagged HD for BT.709: faces turn orange.
The tags go through the filter because the encoder takes them from the frames: given as output
options, primaries and transfer are dropped.
"""


@dataclass(frozen=True)
class EncoderSettings:
    """How the picture is compressed.

    ``crf`` is H.264 quality from 0 (lossless) to 51; NVENC reads it as its ``cq``. ``preset`` is
    x264's trade of time for size: "medium" costs about three times the seconds of "veryfast" and
    keeps visibly more grain at one crf, and those seconds overlap the decoding of a video that
    took minutes to make.
    """

    codec: Codec = "libx264"
    crf: int = 18
    preset: str = "medium"


def codec_arguments(settings: EncoderSettings) -> list[str]:
    """Output options that pick and tune the video encoder."""
    if settings.codec == "h264_nvenc":
        # Constant quality on NVENC is vbr without a bitrate; p5 is its "slow, good quality".
        quality = ["-preset", "p5", "-rc", "vbr", "-cq", str(settings.crf), "-b:v", "0"]
    else:
        quality = ["-preset", settings.preset, "-crf", str(settings.crf)]
    return ["-c:v", settings.codec, *quality]


def frame_rate(fps: float) -> Fraction:
    """The exact rate behind a decimal one: 23.976 is 24000/1001, 12.5 is 25/2.

    The NTSC rates are snapped to, since their decimals are roundings of n * 1000/1001 and a file
    at 2997/125 is taken for variable by some players.

    Raises:
        EncodingFailed: not a positive number.
    """
    rate = Fraction(fps).limit_denominator(1000) if math.isfinite(fps) else Fraction(0)
    if rate <= 0:
        raise EncodingFailed("The video's frame rate is not a positive number.")
    ntsc = Fraction(math.ceil(fps) * 1000, 1001)
    return ntsc if abs(fps / ntsc - 1) < _NTSC_TOLERANCE else rate


def resolve_codec(codec: Codec) -> Codec:
    """The codec asked for where it really runs, else libx264, with one warning in the log.

    ffmpeg lists NVENC wherever it was compiled in, with or without a GPU that has the unit, so
    the only honest question is to encode one frame. Costs up to seconds: ask once a process.
    """
    if codec == "libx264" or _encodes_a_frame(codec):
        return codec
    logger.warning("%s does not run on this machine; videos are encoded by libx264", codec)
    return "libx264"


def _encodes_a_frame(codec: Codec) -> bool:
    side = _TRIAL_SIDE
    source = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-video_size", f"{side}x{side}", "-i", "-"]
    encoder = ["-vf", COLOUR_FILTER, *codec_arguments(EncoderSettings(codec=codec))]
    try:
        trial = subprocess.run(
            [get_ffmpeg_exe(), "-loglevel", "error", *source, *encoder, "-f", "null", "-"],
            input=bytes(side * side * 3),
            capture_output=True,
            env=bare_environment(*GPU_NAMES),
            timeout=_TRIAL_SECONDS,
            check=False,
        )
    except (OSError, RuntimeError, subprocess.TimeoutExpired):
        logger.debug("the trial of %s did not run", codec, exc_info=True)
        return False
    logger.debug("the trial of %s: %s", codec, trial.stderr.decode(errors="replace"))
    return trial.returncode == 0
