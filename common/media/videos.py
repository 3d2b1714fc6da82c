"""Videos from clients: untrusted bytes, judged before anything else touches them."""

from dataclasses import dataclass

from common.media.clip import VideoInput
from common.media.video.chain import Take
from common.media.video.header import Header, Track
from common.media.video.reader import CODECS, CONTAINERS, damaged, read_frames, read_header, refused

MAX_RATE = 120.0
"""Frames a second of a video that is taken at its own rate; some files claim thousands."""
USED = ": only its beginning is used"
"""Why to cut a video costs nothing, unless it is taken whole."""
_SIDE = 64
"""The frames are looked at in this size, which costs the least."""
_MISSING = 0.9
"""A video with less of its frames than this was cut off on its way here."""


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
    fps: float = 0
    """Its own rate, where all of it is taken."""


def inspect_video(file: int, limits: VideoLimits, wanted: VideoInput) -> VideoInfo:
    """Prove that ``file`` is a video, within the limits, whose beginning can be decoded.

    Size and length are read from the header and judged before more than a frame is decoded. Then
    the frames that the model takes are decoded once, as it will get them, and no others. Recorders
    that stream state no length: it is that of those frames then.

    Args:
        file: descriptor of a regular file. Its place moves.
        limits: of size and length.
        wanted: what the model takes of a video.

    Raises:
        InvalidRequest: no video, too large, too long, too short, damaged, or too costly to decode.
        Stopping: the service was told to stop.
    """
    header = read_header(file, limits.max_pixels)
    track = _judged(header, limits)
    frames = _count(file, track, wanted)
    _check_count(frames, track.seconds, wanted)
    seconds = frames / wanted.fps if header.length is None else header.length
    return VideoInfo(*track.shown_size, round(seconds, 3), frames, CONTAINERS[header.format])


def inspect_whole(file: int, limits: VideoLimits) -> VideoInfo:
    """The same of a video that is taken whole, at its own rate; its first frame alone is decoded.

    Raises:
        InvalidRequest: as ``inspect_video``; or it states no length or rate.
        Stopping: the service was told to stop.
    """
    header = read_header(file, limits.max_pixels)
    track = _judged(header, limits, whole=True)
    if track.frame is None:
        raise damaged()
    if not header.length or not track.rate:
        raise refused("The video states no length or no rate.", "Write it anew, as an MP4.")
    rate = min(track.rate, MAX_RATE)
    frames = max(1, round(header.length * rate))
    seconds = round(header.length, 3)
    return VideoInfo(*track.shown_size, seconds, frames, CONTAINERS[header.format], rate)


def _judged(header: Header, limits: VideoLimits, *, whole: bool = False) -> Track:
    track = header.video
    if track is None:
        raise refused("There is no video in this file.")
    if track.codec not in CODECS:
        raise refused(
            f"The video is encoded as {track.codec}, which is not taken.",
            f"Encode it anew, best as H.264. These are taken: {', '.join(CODECS.values())}.",
        )
    _check_size(track, limits.max_pixels)
    _check_length(header.length, limits.max_seconds, "" if whole else USED)
    return track


def _check_size(track: Track, max_pixels: int) -> None:
    width, height = track.shown_size
    if max(width * height, track.width * track.height) > max_pixels:
        raise refused(
            f"The video is {width}x{height}: more than {max_pixels:,} pixels a frame.",
            "Send it scaled down: models need less. MAX_INPUT_VIDEO_PIXELS sets the limit.",
        )


def _check_length(seconds: float | None, max_seconds: float, used: str) -> None:
    if seconds is not None and seconds > max_seconds:
        raise refused(
            f"The video is {seconds:g} seconds long; {max_seconds:g} are allowed.",
            f"Cut it{used}. MAX_INPUT_VIDEO_SECONDS sets the limit.",
        )


def _count(file: int, track: Track, wanted: VideoInput) -> int:
    """How many of the wanted frames there are."""
    take = Take(wanted.fps, wanted.max_frames, _SIDE, _SIDE)
    ended = read_frames(file, track, take)
    frames = len(ended.output) // take.bytes_a_frame
    if ended.status != 0 or frames == 0:
        raise damaged()
    return frames


def _check_count(frames: int, seconds: float | None, wanted: VideoInput) -> None:
    expected = min(wanted.max_frames, wanted.fps * (seconds or 0))
    if frames < _MISSING * expected - 1:
        raise damaged()
    if frames < wanted.min_frames:
        raise refused(
            f"The video is too short: {frames} of at least {wanted.min_frames} frames, "
            f"at {wanted.fps:g} frames a second.",
            "Send a longer one, or a picture as image.",
        )
