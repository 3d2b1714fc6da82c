"""Reads videos from clients with FFmpeg, in child processes that may do very little.

A video can name other files and addresses: HLS and DASH playlists, concat scripts and references
inside an MP4 do. Here a child is given one open file and has no other way to a byte: it knows
the ``fd`` protocol only, the MP4 and Matroska families only, and the decoders of what cameras,
phones, browsers and editing programs write. One child says what is in the file, a second one
decodes the beginning of what is shown.
"""

import json
import logging
import os
import time
from collections.abc import Collection

from pydantic import ValidationError

from common.base.bounded_child import Bounds, Ended, Ending, module_command, run_bounded
from common.base.errors import InvalidRequest
from common.media.video.chain import Take, chain
from common.media.video.header import Header, Track
from common.media.video.seeking import RUN_UPS, Seek

logger = logging.getLogger("videosdgx.videos")

CONTAINERS = {"mov,mp4,m4a,3gp,3g2,mj2": "mp4", "matroska,webm": "webm"}
"""FFmpeg's names of the demuxers that are allowed, and the endings of their files here."""

CODECS = {
    "h264": "H.264",
    "hevc": "H.265",
    "vp8": "VP8",
    "vp9": "VP9",
    "av1": "AV1",
    "mpeg4": "MPEG-4",
    "h263": "H.263",
    "mpeg2video": "MPEG-2",
    "mjpeg": "Motion JPEG",
    "prores": "ProRes",
    "dnxhd": "DNxHD",
}
"""FFmpeg's names of the codecs that are allowed, and ours."""

SOUND_CONTAINERS = {
    "wav": "wav",
    "mp3": "mp3",
    "ogg": "ogg",
    "flac": "flac",
    "aac": "aac",
    "aiff": "aiff",
}
"""Those that hold sound alone."""

DECODERS = ",".join([*(name for name in CODECS if name != "av1"), "libdav1d"])
_WITH_ALPHA = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
"""FFmpeg's own decoders leave out what these put in: how opaque each pixel is."""

_MIB = 1024**2
_MARGINS = 2
"""Decoders round sides up and keep borders around a frame, which count as its pixels to FFmpeg."""
_MAX_STREAMS = 64
"""A GoPro's film has six, one in Matroska may bring its subtitles and their fonts."""
_MAX_ALLOCATION = 512 * _MIB
"""Bytes that may be asked for at once: a header can claim any size."""
_THREADS = "2"

_HEADER_SECONDS, _HEADER_CPU_SECONDS = 15.0, 10
_HEADER_BYTES, _HEADER_BYTES_A_PIXEL = 192 * _MIB, 24
"""Addresses: PyAV itself takes 125 MiB, and a frame of 4K HEVC in 10 bits 213. A film's index has
24 bytes a frame."""
SECONDS, _CPU_SECONDS = 30.0, 45
"""32 frames of 4K, from 60 a second, took 1.6 s (H.264) to 2.3 s (HEVC) on two shared cores."""
_BYTES, _BYTES_A_PIXEL = 768 * _MIB, 64
"""Addresses: 307 MiB at the least, and 721 for 4K (ProRes 4444)."""
_WORDS_BYTES = _MIB
_REFUSED = 2
"""The child's status for what it does not take; another one is a fault of ours, or of FFmpeg."""

MAX_PIXELS = 2**26
"""A frame of 8192 x 8192, for videos that were accepted: the operator's own limit was held then."""

_HINT = "Send an MP4, MOV, MKV or WebM file, best with H.264."


def read_header(
    file: int, max_pixels: int, containers: Collection[str] = frozenset(CONTAINERS)
) -> Header:
    """Say what is in a file; at most one frame of it is decoded.

    Args:
        file: descriptor of a regular file. Its place moves.
        max_pixels: of a frame; larger ones are not decoded.
        containers: FFmpeg's names of those that it may be.

    Raises:
        InvalidRequest: no video of a known format, or too costly to look at.
        Stopping: the service was told to stop.
    """
    os.lseek(file, 0, os.SEEK_SET)  # the child shares our place in the file
    allowed = json.dumps(_allowed(max_pixels, containers))
    command = module_command("common.media.video.probe", allowed)
    bounds = Bounds(
        seconds=_HEADER_SECONDS,
        cpu_seconds=_HEADER_CPU_SECONDS,
        address_bytes=_HEADER_BYTES + _HEADER_BYTES_A_PIXEL * max_pixels,
        output_bytes=_WORDS_BYTES,
    )
    ended = run_bounded(command, stdin=file, bounds=bounds)
    _check_cost(ended)
    if ended.status not in (0, _REFUSED):
        logger.warning("the reader of videos failed with status %s: %s", ended.status, ended.words)
    try:
        header = Header.model_validate_json(ended.output)
    except ValidationError as exc:
        raise refused("This is not a video in a known format, or it is damaged.") from exc
    return header


RAW = ("-f", "rawvideo")
PNG = ("-c:v", "png", "-f", "image2pipe")


def read_frames(
    file: int,
    track: Track,
    take: Take,
    form: tuple[str, ...] = RAW,
    seconds: float = SECONDS,
) -> Ended:
    """Decode a part of a video, as a player shows it.

    Its output are the frames in RGB, 8 bits each, as many as there are. Its status is not 0 where
    one of them is damaged.

    Args:
        file: descriptor of a regular file. Its place moves.
        track: what to show of it, from its header.
        take: the frames that are wanted. How far into the video they are makes no difference,
            where it has key frames.
        form: how they are written.
        seconds: that it may take, on the clock.

    Raises:
        InvalidRequest: not one frame can be decoded, or it takes too much time or memory.
        Stopping: the service was told to stop.
    """
    least = take.count * take.bytes_a_frame if form is RAW else 1
    last, ended = time.monotonic() + seconds, None
    for seek in _ways(track, take):
        command = frames_command(track, take, form, seek)
        ended = _read(command, file, _bounds(track, take, last - time.monotonic()))
        if ended.status == 0 and len(ended.output) >= least:
            break
    assert ended is not None  # noqa: S101  # there is one way at least
    if ended.status != 0:
        logger.info("a video could not be decoded, status %s: %s", ended.status, ended.words)
    return ended


def _ways(track: Track, take: Take) -> "list[Seek | None]":
    """To the take, the shortest first."""
    if track.frame is None:
        raise damaged()
    return list(dict.fromkeys(take.sought(track.frame, run_up) for run_up in RUN_UPS))


def _read(command: list[str], file: int, bounds: Bounds) -> Ended:
    os.lseek(file, 0, os.SEEK_SET)
    ended = run_bounded(command, stdin=file, bounds=bounds)
    _check_cost(ended)
    return ended


def _bounds(track: Track, take: Take, seconds: float) -> Bounds:
    pixels = track.width * track.height
    return Bounds(
        seconds=max(0.0, seconds),
        cpu_seconds=_CPU_SECONDS,
        address_bytes=_BYTES + _BYTES_A_PIXEL * max(pixels, take.width * take.height),
        output_bytes=take.count * take.bytes_a_frame + _WORDS_BYTES,
    )


def frames_command(
    track: Track, take: Take, form: tuple[str, ...] = RAW, seek: Seek | None = None
) -> list[str]:
    """What decodes its standard input, a file, and writes the frames of ``take`` in RGB.

    Raises:
        InvalidRequest: not one frame can be decoded.
    """
    from imageio_ffmpeg import get_ffmpeg_exe  # the API process stays small until needed

    if track.frame is None:
        raise damaged()
    sought = [] if seek is None else seek.options
    shown = ["-map", f"0:{track.index}", "-vf", chain(track, track.frame, take, seek)]
    written = ["-frames:v", str(take.count), "-fps_mode", "passthrough", *form, "-"]
    return [get_ffmpeg_exe(), *_input_options(track), *sought, "-i", "fd:", *shown, *written]


def _input_options(track: Track) -> list[str]:
    quiet = ["-hide_banner", "-nostdin", "-loglevel", "error", "-xerror"]
    bounds = ["-max_alloc", str(_MAX_ALLOCATION), "-filter_threads", _THREADS]
    allowed = _allowed(track.width * track.height).items()
    joining = track.alpha_beside and track.codec in _WITH_ALPHA
    decoder = ["-c:v", _WITH_ALPHA[track.codec]] if joining else []
    options = [part for name, value in allowed for part in (f"-{name}", value)]
    return [*quiet, *bounds, *options, "-threads", _THREADS, *decoder]


def _allowed(
    max_pixels: int, containers: Collection[str] = frozenset(CONTAINERS)
) -> dict[str, str]:
    """Options of FFmpeg for whatever it opens."""
    return {
        "protocol_whitelist": "fd",
        "format_whitelist": ",".join(sorted(containers)),
        "codec_whitelist": ",".join([DECODERS, *_WITH_ALPHA.values()]),
        "max_streams": str(_MAX_STREAMS),
        "max_pixels": str(_MARGINS * max_pixels),
    }


def _check_cost(ended: Ended) -> None:
    if ended.ending is not Ending.ITSELF:
        raise refused(
            "The video takes too much time or memory to read.",
            "Send it smaller, or in another encoding, such as H.264.",
        )


def refused(message: str, hint: str = _HINT) -> InvalidRequest:
    """What the sender of a video is told."""
    return InvalidRequest(message, param="video", hint=hint)


def damaged() -> InvalidRequest:
    """What he is told whose video breaks off, or has frames that nobody can decode."""
    return refused("The video is damaged or incomplete: its beginning cannot be decoded.")
