"""Videos as clients send them, honest and not, made by the real ffmpeg."""

import subprocess
from pathlib import Path

import numpy as np
from imageio_ffmpeg import get_ffmpeg_exe
from numpy.typing import NDArray


def ffmpeg(*arguments: object) -> None:
    command = [get_ffmpeg_exe(), "-v", "error", "-y", *map(str, arguments)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


def film(
    path: Path, frames: int = 36, fps: float = 24, size: str = "160x120", *options: object
) -> Path:
    """A moving picture of so many frames; faststart, so that a cut one still has its header."""
    source = f"testsrc2=size={size}:rate={fps}"
    output = ["-frames:v", frames, "-pix_fmt", "yuv420p", *options]
    if path.suffix in (".mp4", ".mov"):
        output += ["-movflags", "+faststart"]
    ffmpeg("-f", "lavfi", "-i", source, *output, path)
    return path


def odd(path: Path, *options: object) -> Path:
    """Half a second of 161x121 pixels, red but for the last column and row."""
    source = "color=red:size=160x120:rate=24:duration=0.5,format=yuv444p,pad=161:121"
    ffmpeg("-f", "lavfi", "-i", source, "-pix_fmt", "yuv420p", *options, path)
    return path


def of_frames(path: Path, frames: NDArray[np.uint8], fps: float = 24) -> Path:
    """Exactly these frames [T, H, W, 3], without loss."""
    count, height, width, _ = frames.shape
    raw = path.with_suffix(".rgb")
    raw.write_bytes(frames.tobytes())
    layout = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", fps]
    ffmpeg(*layout, "-i", raw, "-c:v", "libx264rgb", "-qp", 0, "-frames:v", count, path)
    return path


def sound_only(path: Path) -> Path:
    ffmpeg("-f", "lavfi", "-i", "sine=duration=1", "-c:a", "aac", path)
    return path


def sound_with_a_cover(path: Path) -> Path:
    picture = path.with_suffix(".png")
    ffmpeg("-f", "lavfi", "-i", "color=size=64x64", "-frames:v", 1, picture)
    inputs = ["-f", "lavfi", "-i", "sine=duration=1", "-i", picture]
    ffmpeg(*inputs, "-map", 0, "-map", 1, "-c:v", "png", "-disposition:v:0", "attached_pic", path)
    return path


def with_a_cover(path: Path, source: Path) -> Path:
    """A video whose first stream is a picture."""
    picture = path.with_suffix(".png")
    ffmpeg("-f", "lavfi", "-i", "color=size=64x64", "-frames:v", 1, picture)
    streams = ["-map", 0, "-map", 1, "-c", "copy", "-disposition:v:0", "attached_pic"]
    ffmpeg("-i", picture, "-i", source, *streams, path)
    return path


def beginning(path: Path, share: float) -> Path:
    """The file, cut off."""
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


def damaged(path: Path, share: float = 1.0) -> Path:
    """The header is whole, a share of the pictures is not: the last ones."""
    data = bytearray(path.read_bytes())
    pictures = data.index(b"mdat") + 8
    for at in range(int(len(data) - share * (len(data) - pictures)), len(data), 97):
        data[at] ^= 0xFF
    path.write_bytes(data)
    return path


def text(path: Path, words: str) -> Path:
    path.write_text(words)
    return path
