"""Videos from clients: untrusted bytes, judged before anything else touches them."""

import re
from dataclasses import dataclass

from common.errors import InvalidRequest
from common.variants import VideoInput
from common.video_reader import CONTAINERS, Ended, first_frames, run_reader

_ACCEPTED = "Send an MP4, MOV, MKV or WebM file."

# ffmpeg indents tags, which clients choose, by more than two spaces: none is taken for these.
_CONTAINER = re.compile(r"^Input #0, (\S+), from ", re.MULTILINE)
_DURATION = re.compile(r"^  Duration: (\d+):(\d\d):(\d\d(?:\.\d+)?)", re.MULTILINE)
_STREAM = re.compile(r"^  Stream #0:\d+\S*: Video: (.*)$", re.MULTILINE)
_SIZE = re.compile(r", (\d+)x(\d+)\b")
_COVER = "(attached pic)"

_MARGINS = 2
"""Decoders round sides up and keep borders around a frame, which count as its pixels to ffmpeg."""

_DECODED_SIZE = re.compile(rb"^#dimensions 0: (\d+)x(\d+)$", re.MULTILINE)
_DECODED_FRAME = re.compile(rb"^0,", re.MULTILINE)
_CUT_SHORT = ("partial file", "File ended prematurely")


@dataclass(frozen=True)
class VideoLimits:
    """What an input video may be; ``max_pixels`` are those of a frame."""

    max_pixels: int
    max_seconds: float


@dataclass(frozen=True)
class VideoInfo:
    """A video that can be continued. ``width`` and ``height`` are those a player shows.

    ``num_frames`` counts what a model takes of it: at its own rate, from the beginning.
    """

    width: int
    height: int
    seconds: float
    num_frames: int
    format: str


def inspect_video(file: int, limits: VideoLimits, wanted: VideoInput) -> VideoInfo:
    """Prove that ``file`` is a video, within the limits, whose beginning can be decoded.

    Size and length are read from the header and judged before a frame is decoded. Then the frames
    that the model takes are decoded once, and no others.

    Args:
        file: descriptor of a regular file. Its place moves.
        limits: of size and length.
        wanted: what the model takes of a video.

    Raises:
        InvalidRequest: no video, too large, too long, too short, damaged, or too slow to decode.
    """
    max_pixels = _MARGINS * limits.max_pixels
    header = run_reader(file, (), max_pixels=max_pixels).words
    container = _CONTAINER.search(header)
    if container is None or container[1] not in CONTAINERS:
        raise _refused("This is not a video in a known format, or it is damaged.")
    _check_size(header, limits.max_pixels)
    seconds = _seconds(header, limits.max_seconds)
    options = [*first_frames(wanted.fps, wanted.max_frames), "-f", "framecrc", "-"]
    decoded = run_reader(file, ["-xerror", *options], max_pixels=max_pixels)
    width, height, frames = _checked_frames(decoded, wanted)
    return VideoInfo(width, height, seconds, frames, CONTAINERS[container[1]])


def _check_size(header: str, max_pixels: int) -> None:
    streams = [text for text in _STREAM.findall(header) if _COVER not in text]
    size = _SIZE.search(streams[0]) if streams else None
    if size is None:
        raise _refused("There is no video in this file.")
    width, height = int(size[1]), int(size[2])
    if width * height > max_pixels:
        raise _refused(
            f"The video is {width}x{height}: more than {max_pixels:,} pixels a frame.",
            "Send it scaled down: models need less. MAX_INPUT_VIDEO_PIXELS sets the limit.",
        )


def _seconds(header: str, max_seconds: float) -> float:
    found = _DURATION.search(header)
    if found is None:
        raise _refused(
            "The video does not say how long it is.",
            "Write it anew, as in: ffmpeg -i video.webm -c copy new.mp4",
        )
    seconds = int(found[1]) * 3600 + int(found[2]) * 60 + float(found[3])
    if seconds > max_seconds:
        raise _refused(
            f"The video is {seconds:g} seconds long; {max_seconds:g} are allowed.",
            "Cut it: only its beginning is used. MAX_INPUT_VIDEO_SECONDS sets the limit.",
        )
    return seconds


def _checked_frames(decoded: Ended, wanted: VideoInput) -> tuple[int, int, int]:
    """Width, height and number of the decoded frames, where there are enough of them."""
    size = _DECODED_SIZE.search(decoded.output)
    frames = len(_DECODED_FRAME.findall(decoded.output))
    cut = frames < wanted.max_frames and any(words in decoded.words for words in _CUT_SHORT)
    if decoded.status != 0 or size is None or cut:
        raise _refused("The video is damaged or incomplete: its beginning cannot be decoded.")
    if frames < wanted.min_frames:
        raise _refused(
            f"The video is too short: {frames} of at least {wanted.min_frames} frames, "
            f"at {wanted.fps:g} frames a second.",
            "Send a longer one, or a picture as image.",
        )
    return int(size[1]), int(size[2]), frames


def _refused(message: str, hint: str = _ACCEPTED) -> InvalidRequest:
    return InvalidRequest(message, param="video", hint=hint)
