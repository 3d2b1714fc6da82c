"""Which encoder compresses the picture, H.264 or H.265, and the words that ffmpeg wants for it."""

import logging
import math
import resource
import subprocess
from dataclasses import dataclass
from fractions import Fraction

from imageio_ffmpeg import get_ffmpeg_exe

from common.base.bounded_child import bare_environment
from common.base.errors import EncodingFailed
from common.base.limits import held
from common.base.settings.encoders import Codec

logger = logging.getLogger("videosdgx.media")

EVERYWHERE: Codec = "libx264"
"""Runs on any processor, and plays in any browser."""
GPU_NAMES = ("CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES", "NVIDIA_DRIVER_CAPABILITIES")
"""What NVENC goes by, of the environment. Our keys and addresses are none of FFmpeg's business."""
_LEAST_SIDE = 160
"""Pixels. NVENC refuses smaller pictures: up to 145 on a side, by chip and codec."""
_MOST_SIDE = {"h264_nvenc": 4096, "hevc_nvenc": 8192}
"""Pixels; of all chips with NVENC since Maxwell (NVIDIA's NVENC application note)."""
HVC1 = ("-tag:v", "hvc1")
"""Of H.265: Apple's players take none by its other name, hev1."""
_TRIAL_SIDE, _TRIAL_FRAMES = 256, 5
_TRIAL_SECONDS = 30
"""A first use of the driver takes seconds; a hanging one must not hold the process."""
_TRIAL_BYTES = 6 * 1024**3
"""As the narrowest of real runs: what runs in it runs in them."""

_NTSC_TOLERANCE = 2e-4
"""Relative. Takes in 23.98 (1.7e-4 away) and not 24 (1e-3 away)."""

COLOUR_TAGS = "setparams=range=tv:colorspace=bt709:color_primaries=bt709:color_trc=bt709"
"""All that frames need which are in the encoder's own format."""
COLOUR_FILTER = (
    "scale=out_color_matrix=bt709:out_range=tv:flags=bicubic+accurate_rnd,"
    f"format=yuv420p,{COLOUR_TAGS}"
)
"""RGB to BT.709, and the tags that say so.

ffmpeg converts by BT.601 unless told, and players take untagged HD for BT.709: faces turn orange.
The tags go through the filter because the encoder takes them from the frames: given as output
options, primaries and transfer are dropped.
"""


@dataclass(frozen=True)
class EncoderSettings:
    """How the picture is compressed.

    ``crf`` is quality from 0 (lossless) to 51, on the encoder's own scale; NVENC reads it as its
    ``cq``. ``preset`` is x264's and x265's trade of time for size: "medium" costs about three times
    the seconds of "veryfast" and keeps visibly more grain at one crf, and those seconds overlap the
    decoding of a video that took minutes to make.
    """

    codec: Codec = EVERYWHERE
    crf: int = 18
    preset: str = "medium"


def runs_on_gpu(codec: Codec) -> bool:
    """Whether it is NVENC."""
    return codec in _MOST_SIDE


def codec_arguments(settings: EncoderSettings, width: int, height: int) -> list[str]:
    """Output options that pick and tune the encoder of frames of this size, in pixels.

    What NVENC cannot take for its size, x264 encodes.
    """
    codec = settings.codec if _takes(settings.codec, width, height) else EVERYWHERE
    if runs_on_gpu(codec):
        # Constant quality on NVENC is vbr without a bitrate; p5 is its "slow, good quality".
        quality = ["-preset", "p5", "-rc", "vbr", "-cq", str(settings.crf), "-b:v", "0"]
    else:
        quality = ["-preset", settings.preset, "-crf", str(settings.crf)]
    return ["-c:v", codec, *quality, *_OWN.get(codec, ())]


_OWN: dict[Codec, tuple[str, ...]] = {
    "libx265": ("-x265-params", "log-level=error", *HVC1),  # else it says its settings, as errors
    "hevc_nvenc": HVC1,
}


def _takes(codec: Codec, width: int, height: int) -> bool:
    if not runs_on_gpu(codec):
        return True
    return min(width, height) >= _LEAST_SIDE and max(width, height) <= _MOST_SIDE[codec]


def bounds_of(codec: Codec, memory_bytes: int) -> dict[int, int]:
    """How the kernel holds an ffmpeg with this encoder to its memory: resources of setrlimit(2).

    CUDA reserves addresses for all memory of the machine, so beside NVENC what is written to is
    counted, and not what is reserved.
    """
    kind = resource.RLIMIT_DATA if runs_on_gpu(codec) else resource.RLIMIT_AS
    return {kind: memory_bytes, resource.RLIMIT_CORE: 0}


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
    the only honest question is to encode some frames. Costs up to seconds: ask once a process.
    """
    if codec == EVERYWHERE or _encodes(codec):
        return codec
    logger.warning("%s does not run on this machine; videos are encoded by %s", codec, EVERYWHERE)
    return EVERYWHERE


def _encodes(codec: Codec) -> bool:
    side = _TRIAL_SIDE
    source = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-video_size", f"{side}x{side}", "-i", "-"]
    encoder = ["-vf", COLOUR_FILTER, *codec_arguments(EncoderSettings(codec), side, side)]
    command = [get_ffmpeg_exe(), "-loglevel", "error", *source, *encoder, "-f", "null", "-"]
    try:
        with subprocess.Popen(
            held(command, bounds_of(codec, _TRIAL_BYTES)),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=bare_environment(*GPU_NAMES),
        ) as trial:
            words = _said(trial, bytes(side * side * 3 * _TRIAL_FRAMES))
    except (OSError, RuntimeError):
        logger.debug("the trial of %s did not run", codec, exc_info=True)
        return False
    logger.debug("the trial of %s: %s", codec, words)
    return trial.returncode == 0


def _said(trial: "subprocess.Popen[bytes]", frames: bytes) -> str:
    """Its words, after its end: one that hangs is ended."""
    try:
        return trial.communicate(frames, _TRIAL_SECONDS)[1].decode(errors="replace")
    except subprocess.TimeoutExpired:
        trial.kill()
        return f"not within {_TRIAL_SECONDS} s"
