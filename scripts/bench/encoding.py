"""``common.media.encoder`` beside ffmpeg reading the same frames from memory by itself."""

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from imageio_ffmpeg import get_ffmpeg_exe
from numpy.typing import NDArray

from common.kinds.video import VideoClip
from common.media.codecs import COLOUR_FILTER, EncoderSettings, codec_arguments, frame_rate
from common.media.encoder import encode
from scripts.bench.report import Goal, Report, median

Frames = NDArray[np.uint8]

SIZES = ((480, 320, 49), (832, 480, 81), (1280, 704, 25))
"""Width, height, frames."""
FPS = 24.0
ROUNDS = 5
CHUNK = 4
"""Frames at a time, as Wan's decoder gives them."""
METADATA = {"title": "A cat walking on a beach at sunset"}


def measure(report: Report, folder: Path) -> None:
    """Take turns, and compare the medians, size by size."""
    folder.mkdir(parents=True, exist_ok=True)
    for width, height, count in SIZES:
        frames = moving_picture(width, height, count)
        ours, raw = [], []
        for _ in range(ROUNDS):
            ours.append(_encode(frames, folder / "ours.mp4"))
            raw.append(_raw(frames, folder / "raw.mp4"))
        note = f"{median(ours):.2f} s to {median(raw):.2f} s, medians of {ROUNDS}"
        name = f"{width}x{height}, {count} frames"
        report.add("encode", name, median(ours) / median(raw), "x raw", Goal(1.1), note)


def moving_picture(width: int, height: int, count: int) -> Frames:
    """Waves that drift over the picture, with a little grain: neither flat nor pure noise."""
    random = np.random.default_rng(7)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    frames = np.empty((count, height, width, 3), np.uint8)
    for index in range(count):
        for channel in range(3):
            wave = np.sin((x + 3 * index) / (23 + 9 * channel)) * np.cos((y - index) / 31)
            grain = random.normal(0, 4, (height, width))
            frames[index, :, :, channel] = np.clip(128 + 90 * wave + grain, 0, 255)
    return frames


def _encode(frames: Frames, path: Path) -> float:
    clip = VideoClip(_chunks(frames), len(frames), frames.shape[2], frames.shape[1], FPS)
    started = time.perf_counter()
    encode(
        clip,
        path,
        EncoderSettings(),
        METADATA,
        on_chunk=lambda _frames: None,
        on_frames_done=lambda _: None,
    )
    return time.perf_counter() - started


def _chunks(frames: Frames) -> Iterator[Frames]:
    for start in range(0, len(frames), CHUNK):
        yield frames[start : start + CHUNK]


def _raw(frames: Frames, path: Path) -> float:
    """The fastest way there is to give ffmpeg raw frames: a file that is already in memory."""
    height, width = frames.shape[1:3]
    size = ["-video_size", f"{width}x{height}", "-framerate", str(frame_rate(FPS))]
    source = ["-f", "rawvideo", "-pix_fmt", "rgb24", *size, "-i", "pipe:0"]
    picture = [
        "-vf",
        COLOUR_FILTER,
        *codec_arguments(EncoderSettings(), width, height),
        "-fps_mode",
        "passthrough",
    ]
    tags = ["-movflags", "+faststart+use_metadata_tags"]
    for key, value in METADATA.items():
        tags += ["-metadata", f"{key}={value}"]
    command = [get_ffmpeg_exe(), "-y", "-v", "warning", *source, *picture, *tags, str(path)]
    with os.fdopen(os.memfd_create("frames"), "w+b") as memory:
        memory.write(frames.data.cast("B"))
        memory.seek(0)
        started = time.perf_counter()
        subprocess.run(command, stdin=memory, check=True)
        return time.perf_counter() - started
