"""What a player other than ours says about a file: Debian's ffprobe and ffmpeg."""

import json
import shutil
import struct
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def _tool(name: str) -> str:
    if (path := shutil.which(name)) is None:
        raise RuntimeError(f"{name} is missing: install the system's ffmpeg package")
    return path


def probe(path: Path) -> dict[str, Any]:
    """Streams and container of ``path``, every frame counted by decoding."""
    shown = ["-show_streams", "-show_format", "-count_frames"]
    command = [_tool("ffprobe"), "-v", "error", *shown, "-of", "json", f"file:{path}"]
    result: dict[str, Any] = json.loads(
        subprocess.run(command, capture_output=True, check=True).stdout
    )
    return result


def stream(probed: dict[str, Any], kind: str) -> dict[str, Any]:
    """The one stream of ``kind``: "video" or "audio"."""
    (found,) = [s for s in probed["streams"] if s["codec_type"] == kind]
    return dict(found)


def packet_times(path: Path) -> list[int]:
    """Presentation times of the video's packets, in its time base, sorted."""
    entries = ["-select_streams", "v", "-show_entries", "packet=pts", "-of", "csv=p=0"]
    command = [_tool("ffprobe"), "-v", "error", *entries, f"file:{path}"]
    lines = subprocess.run(command, capture_output=True, check=True).stdout.decode().split()
    return sorted(int(line.strip(",")) for line in lines)


def decode_rgb(path: Path, width: int, height: int) -> NDArray[np.uint8]:
    """All frames [T, height, width, 3], converted as a player does that was told nothing."""
    raw = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    command = [_tool("ffmpeg"), "-v", "error", "-i", f"file:{path}", *raw]
    data = subprocess.run(command, capture_output=True, check=True).stdout
    return np.frombuffer(data, np.uint8).reshape(-1, height, width, 3)


def decode_audio(path: Path, channels: int) -> NDArray[np.float32]:
    """The sound, float32 [samples, channels]."""
    command = [_tool("ffmpeg"), "-v", "error", "-i", f"file:{path}", "-vn", "-f", "f32le", "-"]
    data = subprocess.run(command, capture_output=True, check=True).stdout
    return np.frombuffer(data, "<f4").reshape(-1, channels)


def boxes(path: Path) -> list[str]:
    """The top-level MP4 boxes in file order."""
    data, names, at = path.read_bytes(), [], 0
    while at < len(data):
        size, name = struct.unpack_from(">I4s", data, at)
        names.append(name.decode())
        at += size
    return names


def packet_hashes(path: Path) -> list[str]:
    """Of the packets of the video, in their order: what a copied stream shares with its source."""
    command = [_tool("ffmpeg"), "-v", "error", "-i", f"file:{path}", "-map", "0:v:0"]
    command += ["-c", "copy", "-f", "framemd5", "-"]
    lines = subprocess.run(command, capture_output=True, check=True).stdout.decode().splitlines()
    return [line.rpartition(",")[2].strip() for line in lines if not line.startswith("#")]


def speech(text: str) -> NDArray[np.int16]:
    """A voice that says it, at 16 kHz, in one channel."""
    source = ["-f", "lavfi", "-i", f"flite=text='{text}':voice=slt"]
    command = [_tool("ffmpeg"), "-v", "error", *source, "-ar", "16000", "-f", "s16le", "-"]
    return np.frombuffer(subprocess.run(command, capture_output=True, check=True).stdout, "<i2")
