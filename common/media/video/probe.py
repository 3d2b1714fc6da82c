"""The child that opens a video from a stranger and says what is in it, as one line of JSON.

It decodes no more than a frame, by the allowed decoders only. Run by ``common.media.video.reader``,
with the video as standard input; never imported by the service, which stays small without PyAV.
"""

import json
import math
import re
import sys
from fractions import Fraction
from typing import Any

import av
import av.logging
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Disposition
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

_REFUSED = 2
"""As in ``common.media.video.reader``."""
_NO_SHOW = Disposition.attached_pic | Disposition.timed_thumbnails
_UNTOLD = 2
_PROGRESSIVE = 1
_MICROSECONDS = 1e6
_ALPHA_TAG = "alpha_mode"
"""Of Matroska: a second picture rides beside each, which only libvpx's decoders put together."""

_LENGTH_TAG = "DURATION"
"""Of a track of Matroska, whose header knows the length of the file only."""
_LENGTH = re.compile(r"(\d{1,4}):(\d\d):(\d\d(?:\.\d{1,9})?)", re.ASCII)


def main(options: dict[str, str]) -> int:
    """Write what is found; ``options`` are those of FFmpeg for whatever it opens."""
    av.logging.set_level(None)
    try:
        # Old programs write titles in their own alphabet, and nobody here reads them.
        with av.open("fd:", options=options, metadata_errors="replace") as container:
            found = _found(container, options["codec_whitelist"].split(","))
    except (av.error.FFmpegError, MemoryError) as exc:
        sys.stderr.write(f"{exc}\n")
        return _REFUSED
    sys.stdout.write(json.dumps(found))
    return 0


def _found(container: InputContainer, decoders: list[str]) -> dict[str, Any]:
    shown = [stream for stream in container.streams.video if not stream.disposition & _NO_SHOW]
    # A player shows the track that is marked, and the first where none is.
    stream = min(shown, key=lambda one: not one.disposition & Disposition.default, default=None)
    seconds = container.duration
    return {
        "format": container.format.name,
        "seconds": None if seconds is None else seconds / _MICROSECONDS,
        "video": None if stream is None else _video(container, stream, decoders),
        "sound": _sound(container),
    }


def _sound(container: InputContainer) -> dict[str, Any] | None:
    """As ffmpeg's ``0:a:0``, and undecoded."""
    stream = next(iter(container.streams.audio), None)
    if stream is None or stream.codec_context is None:
        return None
    context = stream.codec_context
    return {
        "codec": context.codec.canonical_name,
        "channels": context.channels,
        "sample_rate": context.sample_rate,
        "seconds": _seconds(stream),
    }


def _video(container: InputContainer, stream: VideoStream, decoders: list[str]) -> dict[str, Any]:
    context = stream.codec_context
    frame = None
    if context is not None and context.codec.name in decoders:
        context.thread_count = 1
        told = int(context.colorspace), int(context.color_range)
        first = next(container.decode(stream), None)
        if first is not None:
            shown_at = _shown_at(first, stream, container.start_time or 0)
            frame = {**_frame(first, context, told), **shown_at}
    shape = stream.sample_aspect_ratio
    return {
        "index": stream.index,
        "codec": "unknown" if context is None else context.codec.canonical_name,
        "width": 0 if context is None else context.width,
        "height": 0 if context is None else context.height,
        "pixel_shape": float(shape) if shape else 1.0,
        "seconds": _seconds(stream),
        "rate": float(stream.average_rate) if stream.average_rate else None,
        "alpha_beside": stream.metadata.get(_ALPHA_TAG) == "1",
        "frame": frame,
    }


def _seconds(stream: AudioStream | VideoStream) -> float | None:
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    told = _LENGTH.fullmatch(stream.metadata.get(_LENGTH_TAG, ""))
    return int(told[1]) * 3600 + int(told[2]) * 60 + float(told[3]) if told else None


def _frame(frame: VideoFrame, context: VideoCodecContext, told: tuple[int, int]) -> dict[str, Any]:
    """Colours by the numbers of ITU-T H.273 and of FFmpeg; ``told`` are those of the file."""
    matrix, levels = int(frame.colorspace), int(frame.color_range)
    # A frame of VP8 cannot say it, and its decoder says what is usual: the file may know better.
    if context.codec.canonical_name == "vp8" and told[0] != _UNTOLD:
        matrix, levels = told
    return {
        "rotation": frame.rotation,
        "interlaced": frame.interlaced_frame or context.field_order > _PROGRESSIVE,
        "rgb": frame.format.is_rgb,
        "alpha": any(component.is_alpha for component in frame.format.components),
        "matrix": matrix,
        "levels": levels,
        "primaries": int(frame.color_primaries),
        "transfer": int(frame.color_trc),
    }


def _shown_at(frame: VideoFrame, stream: VideoStream, file_start: int) -> dict[str, Any]:
    """As ffmpeg counts: from the start of the file, which it rounds to parts of the track's."""
    if frame.pts is None or stream.time_base is None:
        return {}
    start = Fraction(file_start, round(_MICROSECONDS)) / stream.time_base
    away = 1 if start >= 0 else -1
    pts = frame.pts - away * math.floor(abs(start) + Fraction(1, 2))
    return {"pts": pts, "time_base": stream.time_base.as_integer_ratio()}


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))
