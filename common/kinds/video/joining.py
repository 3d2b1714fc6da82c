"""Puts what a model has made where it belongs in the video that it was made from."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from common.kinds.video.resolved import ResolvedRequest
from common.media.clip import AudioTrack, VideoClip
from common.media.video.chain import Take
from common.media.video.stream import read_sound, stream_frames

if TYPE_CHECKING:
    from numpy.typing import NDArray

SOUND = (48_000, 2)
"""Hz and channels, where only the source has sound."""


def joined(clip: VideoClip, request: ResolvedRequest, inputs: Path) -> VideoClip:
    """The whole video, where ``clip`` goes on from another one or stands for it or a span of it.

    Frames of the source are its own, as a player shows them, in the size and at the rate of the
    clip.

    Raises:
        EncodingFailed: the source breaks off; while frames are drawn.
        FileNotFoundError: it has gone.
    """
    if request.extend is not None:
        return _extended(clip, request, inputs / request.extend)
    if request.retake is not None:
        return _retaken(clip, request, inputs / request.retake)
    if request.enlarges_latents:
        return replace(clip, audio=_sound(request, inputs))
    return clip


def whole(request: ResolvedRequest, inputs: Path) -> VideoClip:
    """The video that a request names, as it is. Raises as ``joined`` does."""
    assert request.video is not None  # noqa: S101  # or there is nothing to refine
    source, size = inputs / request.video, (request.width, request.height)
    return VideoClip(
        frames=stream_frames(source, Take(request.fps, request.num_frames, *size)),
        num_frames=request.num_frames,
        width=request.width,
        height=request.height,
        fps=request.fps,
        audio=_sound(request, inputs),
    )


def _sound(request: ResolvedRequest, inputs: Path) -> AudioTrack | None:
    """That of a video that stays as it is."""
    assert request.video is not None  # noqa: S101  # likewise
    sound = read_sound(inputs / request.video, *SOUND, request.num_frames / request.fps)
    return sound if len(sound.samples) else None


def _extended(clip: VideoClip, request: ResolvedRequest, source: Path) -> VideoClip:
    front, seen = request.extend_frames, request.video_frames
    before = stream_frames(source, _take(clip, front))
    return replace(
        clip,
        frames=_one_by_one(before, _without(clip.frames, seen)),
        num_frames=front + clip.num_frames - seen,
        audio=_sound_behind(clip, source, front / clip.fps, seen / clip.fps),
    )


def _retaken(clip: VideoClip, request: ResolvedRequest, source: Path) -> VideoClip:
    own = stream_frames(source, _take(clip, request.retake_frames))
    sound = read_sound(source, *_layout(clip.audio), request.retake_frames / clip.fps)
    return replace(
        clip,
        frames=_with_span(own, clip.frames, request.retake_from, request.retake_to),
        num_frames=request.retake_frames,
        audio=sound if len(sound.samples) else None,
    )


def _take(clip: VideoClip, count: int) -> Take:
    return Take(clip.fps, count, clip.width, clip.height)


def _one_by_one(*parts: "Iterator[NDArray[np.uint8]]") -> "Iterator[NDArray[np.uint8]]":
    for part in parts:
        yield from part


def _without(frames: "Iterator[NDArray[np.uint8]]", count: int) -> "Iterator[NDArray[np.uint8]]":
    """All but the first ``count`` frames."""
    for chunk in frames:
        yield chunk[count:]
        count = max(0, count - len(chunk))


def _with_span(
    own: "Iterator[NDArray[np.uint8]]", made: "Iterator[NDArray[np.uint8]]", begin: int, end: int
) -> "Iterator[NDArray[np.uint8]]":
    """The source's frames, but for those of the span. All of the model's are drawn."""
    rest = iter(made)
    index = 0
    for chunk in rest:
        for frame in chunk:
            kept = next(own)
            yield frame[None] if begin <= index < end else kept
            index += 1
    yield from own


def _layout(audio: AudioTrack | None) -> tuple[int, int]:
    return (audio.sample_rate, audio.samples.shape[1]) if audio else SOUND


def _sound_behind(clip: VideoClip, source: Path, front: float, seen: float) -> AudioTrack | None:
    """The source's sound, ``front`` seconds of it, and behind it the clip's less ``seen``."""
    rate, channels = _layout(clip.audio)
    before = read_sound(source, rate, channels, front).samples
    if clip.audio is None and not len(before):
        return None
    kept = np.zeros((round(front * rate), channels), np.float32)
    kept[: len(before)] = before[: len(kept)]
    new = clip.audio.samples[round(seen * rate) :] if clip.audio else kept[:0]
    return AudioTrack(np.concatenate([kept, new]), rate)
