"""Frames and sound into an MP4, while the frames are still being made.

H.264, or H.265 where that is set, 4:2:0, BT.709, constant frame rate, ``moov`` first (a browser
plays before it has it all); AAC when there is sound. Built around one ffmpeg process:
`common.media.ffmpeg`.
"""

import contextlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import numpy as np

from common.base.errors import EncodingFailed, VideosDGXError
from common.media.clip import PixelFormat, VideoClip
from common.media.codecs import (
    COLOUR_FILTER,
    COLOUR_TAGS,
    EncoderSettings,
    codec_arguments,
    frame_rate,
)
from common.media.ffmpeg import FfmpegChild, FrameWriter
from common.media.side_inputs import SideInputs, audio_arguments, metadata_arguments

if TYPE_CHECKING:
    from numpy.typing import NDArray

logger = logging.getLogger("videosdgx.media")


def _nothing() -> None:
    pass


@dataclass(frozen=True)
class EncodedVideo:
    """A finished file."""

    path: Path
    num_frames: int
    size_bytes: int
    has_audio: bool


class Mp4Encoder:
    """An MP4 in the making: `write` every chunk, then `finish`, inside ``with``.

    Left without `finish`, by any exception, it kills ffmpeg, reaps it and removes the file.
    ffmpeg starts at once, so that its start-up is over when the first frame comes. ``on_wait`` is
    called every 0.2 s while a call waits for ffmpeg; what it raises leaves the wait.

    Raises:
        EncodingFailed: the clip cannot be a video, or ffmpeg cannot be started.
    """

    def __init__(
        self,
        clip: VideoClip,
        path: Path,
        settings: EncoderSettings,
        metadata: Mapping[str, str],
        on_wait: Callable[[], None] = _nothing,
    ) -> None:
        if clip.num_frames < 1 or clip.width % 2 or clip.height % 2:
            raise EncodingFailed("A video needs a frame, and even sides.")
        self._clip = clip
        self._path = path
        self._on_wait = on_wait
        self._frames = 0
        self._poster: NDArray[np.uint8] | None = None
        self._finished = False
        with SideInputs() as inputs:  # ffmpeg has its own copies of the descriptors
            arguments = _arguments(clip, path, settings, metadata, inputs)
            self._child = FfmpegChild(arguments, inputs.descriptors)
        self._writer = FrameWriter(self._child)

    def write(self, chunk: "NDArray[np.uint8]") -> None:
        """Hand over frames [T, *clip.frame_shape]; the array must not change afterwards.

        Returns as soon as the chunk is queued: at most one more is waiting.

        Raises:
            EncodingFailed: wrong shape or type, too many frames, or ffmpeg died.
            StorageFull: ffmpeg met the end of the disk.
        """
        self._check(chunk)
        self._keep_poster(chunk)
        self._frames += len(chunk)
        if len(chunk):
            self._writer.put(np.ascontiguousarray(chunk), self._on_wait)
        if self._writer.broken:
            raise self._failure()

    def poster(self) -> "NDArray[np.uint8]":
        """The middle frame, as it came: the first is often black, or the client's own.

        Raises:
            EncodingFailed: frames are missing.
        """
        if self._frames != self._clip.num_frames or self._poster is None:
            raise self._wrong_count(self._frames)
        return self._poster

    def finish(self) -> EncodedVideo:
        """Wait for ffmpeg to write the end of the file.

        Raises:
            EncodingFailed: frames are missing, or ffmpeg died.
            StorageFull: ffmpeg met the end of the disk.
        """
        self.poster()
        self._writer.end(self._on_wait)
        if self._child.wait(self._on_wait) != 0 or self._writer.broken:
            raise self._failure()
        if (encoded := self._child.frames_encoded()) != self._frames:
            raise self._wrong_count(encoded)
        self._child.close()
        self._finished = True
        size, has_audio = self._path.stat().st_size, self._clip.audio is not None
        return EncodedVideo(self._path, self._frames, size, has_audio)

    def abort(self) -> None:
        """Kill ffmpeg, reap it and remove the file. Does nothing after `finish`."""
        if self._finished:
            return
        self._finished = True
        self._child.kill()  # the writer's pipe breaks: from here on it takes everything at once
        self._writer.end(_nothing)
        self._child.close()
        self._path.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.abort()

    def _check(self, chunk: "NDArray[np.uint8]") -> None:
        shape = self._clip.frame_shape
        if chunk.dtype != np.uint8 or chunk.shape[1:] != shape:
            logger.error("a chunk of %s %s, not uint8 [T, %s]", chunk.dtype, chunk.shape, shape)
            raise EncodingFailed("The model returned frames of the wrong size or type.")
        if self._frames + len(chunk) > self._clip.num_frames:
            raise self._wrong_count(self._frames + len(chunk))

    def _keep_poster(self, chunk: "NDArray[np.uint8]") -> None:
        index = self._clip.num_frames // 2 - self._frames
        if 0 <= index < len(chunk):
            self._poster = chunk[index].copy()  # a view would keep the whole chunk in memory

    def _failure(self) -> VideosDGXError:
        # An ffmpeg that no longer reads is ending by itself, and its exit says why.
        self._writer.end(self._on_wait)
        self._child.wait(self._on_wait)
        return self._child.failure()

    def _wrong_count(self, frames: int) -> EncodingFailed:
        logger.error("%d frames, not the %d of the clip", frames, self._clip.num_frames)
        return EncodingFailed("The video did not get the number of frames that it must have.")


def encode(
    clip: VideoClip,
    path: Path,
    settings: EncoderSettings,
    metadata: Mapping[str, str],
    *,
    on_chunk: Callable[[int], None],
    on_frames_done: "Callable[[NDArray[np.uint8]], None]",
    on_wait: Callable[[], None] = _nothing,
) -> EncodedVideo:
    """Consume ``clip`` into an MP4 at ``path``.

    ``on_chunk`` gets the frames drawn so far, after each chunk; ``on_frames_done`` is called when
    the model has nothing more to do, with the middle frame: what it does overlaps the encoder's
    tail; ``on_wait`` every 0.2 s while ffmpeg is behind. Whatever they or the frames raise ends
    ffmpeg and removes the file.

    Raises:
        EncodingFailed: the clip is not what it says, or ffmpeg failed.
        StorageFull: the disk is full.
    """
    with _closing_frames(clip), Mp4Encoder(clip, path, settings, metadata, on_wait) as encoder:
        drawn = 0
        for chunk in clip.frames:
            encoder.write(chunk)
            drawn += len(chunk)
            on_chunk(drawn)
        on_frames_done(encoder.poster())
        return encoder.finish()


def _closing_frames(clip: VideoClip) -> contextlib.ExitStack:
    """Closes a generator that is left early: suspended, it would hold the decoder's memory."""
    stack = contextlib.ExitStack()
    if (close := getattr(clip.frames, "close", None)) is not None:
        stack.callback(close)
    return stack


def _arguments(
    clip: VideoClip,
    path: Path,
    settings: EncoderSettings,
    metadata: Mapping[str, str],
    inputs: SideInputs,
) -> list[str]:
    # The sound comes first: ffmpeg opens inputs in order and would wait for a frame before it.
    rate, sound, maps = frame_rate(clip.fps), list[str](), ["-map", "0:v"]
    if clip.audio is not None:
        sound = audio_arguments(inputs, clip.audio, clip.num_frames, rate)
        maps = ["-map", "1:v", "-map", "0:a", "-c:a", "aac", "-b:a", "192k"]
    size, kind = f"{clip.width}x{clip.height}", clip.pixel_format
    raw = ["-f", "rawvideo", "-pix_fmt", kind, "-video_size", size, "-framerate", str(rate)]
    encoder = codec_arguments(settings, clip.width, clip.height)
    colours = COLOUR_FILTER if kind is PixelFormat.RGB24 else COLOUR_TAGS
    picture = ["-vf", colours, *encoder, "-fps_mode", "passthrough"]
    tags = metadata_arguments(inputs, metadata)
    # A path is a URL to ffmpeg: without the scheme a colon in it would name a protocol.
    return [*sound, *raw, "-i", "pipe:0", *maps, *picture, *tags, "-f", "mp4", f"file:{path}"]
