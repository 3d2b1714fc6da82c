"""Plays a video file through, without looking: what is really in it?"""

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imageio_ffmpeg import get_ffmpeg_exe, read_frames

AUDIO_TOLERANCE_SECONDS = 0.1
"""An AAC stream ends at a multiple of 1024 samples."""

_SAMPLE_RATE = 48_000
_BYTES_A_SAMPLE = 4


@dataclass(frozen=True)
class Played:
    """What a player would find. ``audio_seconds`` is None without sound."""

    width: int
    height: int
    fps: float
    num_frames: int
    audio_seconds: float | None


def play(path: Path) -> Played:
    """Decode every frame and every sample.

    Raises:
        OSError: it cannot be decoded.
    """
    frames = read_frames(str(path), pix_fmt="gray", bits_per_pixel=8)
    try:
        meta = next(frames)
        count = sum(1 for _ in frames)
    except RuntimeError as exc:
        raise OSError(f"{path} cannot be decoded.") from exc
    width, height = meta["size"]
    return Played(width, height, meta["fps"], count, _audio_seconds(path))


def difference(played: Played, resolved: dict[str, Any]) -> str | None:
    """What is wrong with a file, seen from the ``resolved`` of its job; None when nothing is."""
    wanted = Played(
        width=resolved["width"],
        height=resolved["height"],
        fps=resolved["fps"],
        num_frames=resolved["num_frames"],
        audio_seconds=resolved["num_frames"] / resolved["fps"],
    )
    if _picture(played) != _picture(wanted):
        return f"the file has {_picture(played)}, not {_picture(wanted)}."
    return _sound_difference(played, wanted, expected=resolved["generate_audio"])


def _sound_difference(played: Played, wanted: Played, *, expected: bool) -> str | None:
    heard, length = played.audio_seconds, wanted.audio_seconds or 0.0
    if expected != (heard is not None):
        return "the sound is missing." if expected else "the file has sound."
    if heard is not None and abs(heard - length) > AUDIO_TOLERANCE_SECONDS:
        return f"the sound is {heard:.2f} s long, not {length:.2f} s."
    return None


def _picture(played: Played) -> str:
    size = f"{played.width}x{played.height}"
    return f"{played.num_frames} frames of {size} at {played.fps:g} fps"


def _audio_seconds(path: Path) -> float | None:
    output = ["-map", "0:a:0?", "-ac", "1", "-ar", str(_SAMPLE_RATE), "-f", "f32le", "pipe:1"]
    decoded = subprocess.run(
        [get_ffmpeg_exe(), "-v", "error", "-i", f"file:{path}", *output],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    # Nothing to map is an error to ffmpeg, and here it means a silent film.
    return len(decoded.stdout) / _BYTES_A_SAMPLE / _SAMPLE_RATE if decoded.stdout else None
