"""Says what a file is: untrusted bytes, looked at in children before anything else touches them."""

import os
from typing import Any, BinaryIO

from common.base.errors import InvalidRequest
from common.media.inputs import inspect_image
from common.media.video.header import Header, Track
from common.media.video.reader import CODECS, read_header
from studio.bounds import Bounds
from studio.captions.reading import MAX_TRANSCRIPT_BYTES, read_captions
from studio.rendering.allowed import FORMATS, SOUNDS, takes_sound
from studio.sources import MOVING, Facts, Form

MAX_RATE = 120.0


def look_at(file: BinaryIO, forms: frozenset[Form], bounds: Bounds) -> Facts:
    """What ``file`` is, of the ``forms`` that it may have.

    Raises:
        InvalidRequest: nothing of that, too large, too long, or damaged; without a field's name.
        Stopping, NoThreads: it was not looked at.
    """
    _check_size(file, bounds)
    if forms == {Form.CAPTIONS}:
        return _captions(file)
    if forms == {Form.PICTURE}:
        picture = inspect_image(file, bounds.max_picture_pixels)
        return Facts(
            form=Form.PICTURE, format=picture.format, width=picture.width, height=picture.height
        )
    header = read_header(file.fileno(), bounds.max_pixels, FORMATS)
    return _moving_or_sounding(header, forms, bounds)


def look_at_video(file: BinaryIO, bounds: Bounds) -> tuple[Facts, Track]:
    """What a video is, and what its header says of its pictures. Raises what ``look_at`` does."""
    _check_size(file, bounds)
    header = read_header(file.fileno(), bounds.max_pixels, FORMATS)
    facts = _moving_or_sounding(header, MOVING, bounds)
    assert header.video is not None  # noqa: S101  # or it would have been refused
    return facts, header.video


def _check_size(file: BinaryIO, bounds: Bounds) -> None:
    size = os.fstat(file.fileno()).st_size
    if not size:
        raise InvalidRequest("The file is empty.", hint="Send it whole.")
    if size > bounds.max_bytes:
        raise InvalidRequest(
            f"The file has {size / 1e6:,.0f} MB; {bounds.max_bytes / 1e6:,.0f} are allowed.",
            hint="Send a shorter or smaller one. FETCH_MAX_MB sets the limit.",
        )


def _moving_or_sounding(header: Header, forms: frozenset[Form], bounds: Bounds) -> Facts:
    _check_codecs(header)
    if header.video is None and Form.AUDIO not in forms:
        raise InvalidRequest("There is no video in this file.", hint="Send an MP4 or WebM.")
    if header.sound is None and Form.VIDEO not in forms:
        raise InvalidRequest("There is no sound in this file.", hint="Send one that is heard.")
    seconds = _length(header)
    if seconds > bounds.max_seconds:
        raise InvalidRequest(
            f"The file is {seconds:g} seconds long; {bounds.max_seconds:g} are allowed.",
            hint="Cut it into parts.",
        )
    return _facts(header, seconds, bounds)


def _check_codecs(header: Header) -> None:
    video, sound = header.video, header.sound
    if video is None and sound is None:
        raise InvalidRequest(
            "This file holds neither video nor sound.", hint="Send an MP4, WebM, WAV or MP3."
        )
    if video is not None and video.codec not in CODECS:
        raise _not_taken("video", video.codec, ", ".join(CODECS.values()))
    if sound is not None and not takes_sound(sound.codec):
        raise _not_taken("sound", sound.codec, ", ".join(["PCM", *SOUNDS.values()]))
    if video is not None and video.frame is None:
        raise InvalidRequest(
            "The video is damaged: its first frame cannot be decoded.", hint="Send it anew."
        )


def _not_taken(what: str, codec: str, taken: str) -> InvalidRequest:
    return InvalidRequest(
        f"The {what} is encoded as {codec}, which is not taken.",
        hint=f"Encode it anew. These are taken: {taken}.",
    )


def _length(header: Header) -> float:
    own = header.length or (header.sound and header.sound.seconds)
    if not own:
        raise InvalidRequest("The file states no length.", hint="Write it anew, as an MP4 or WAV.")
    return round(own, 6)


def _facts(header: Header, seconds: float, bounds: Bounds) -> Facts:
    track = header.video
    if track is None:
        ending = FORMATS[header.format]
        return Facts(form=Form.AUDIO, format=ending, seconds=seconds, **_heard(header))
    width, height = track.shown_size
    if max(width * height, track.width * track.height) > bounds.max_pixels:
        raise InvalidRequest(
            f"The video is {width}x{height}: more than {bounds.max_pixels:,} pixels a frame.",
            hint="Send it scaled down. MAX_INPUT_VIDEO_PIXELS sets the limit.",
        )
    return Facts(
        form=Form.VIDEO,
        format=FORMATS[header.format],
        seconds=seconds,
        width=width,
        height=height,
        fps=min(track.rate or 25.0, MAX_RATE),
        codec=track.codec,
        **_heard(header),
    )


def _heard(header: Header) -> dict[str, Any]:
    if header.sound is None:
        return {}
    sound = header.sound
    return {"has_sound": True, "sound_codec": sound.codec, "sound_rate": sound.sample_rate}


def _captions(file: BinaryIO) -> Facts:
    file.seek(0)
    captions = read_captions(file.read(MAX_TRANSCRIPT_BYTES + 1))
    kind = "ass" if captions.styled else "txt"
    return Facts(
        form=Form.CAPTIONS,
        format=kind,
        seconds=captions.seconds,
        cues=len(captions.cues),
    )
