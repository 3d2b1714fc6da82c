"""What an operation of the cutting room works with, without a service around it."""

import wave
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from common.base.settings import MIB
from common.media.codecs import EncoderSettings
from studio.bounds import Bounds
from studio.looking import look_at
from studio.operations import operation_of
from studio.rendering.tools import Tools
from studio.sources import Facts
from studio.tasks import Made, Planned, Task
from tests.films import ffmpeg
from tests.unit.media.ffprobe import decode_audio, decode_rgb

BOUNDS = Bounds(100 * MIB, 4096 * 2304, max_picture_pixels=50_000_000, max_seconds=3600)


def facts(task: Task, files: dict[str, Path]) -> dict[str, Facts]:
    found = {}
    for name, path in files.items():
        with path.open("rb") as file:
            found[name] = look_at(file, task.wanted[name].forms, BOUNDS)
    return found


def tools(folder: Path, files: dict[str, Path], found: dict[str, Facts]) -> Tools:
    return Tools(
        job_id="0" * 32,
        folder=folder,
        files=files,
        found=found,
        encoder=EncoderSettings(preset="ultrafast"),
        look=lambda: None,
        progress=lambda *_: None,
    )


def made(task: Task, folder: Path, heard: Any = None, **files: Path) -> tuple[Path, Made, Planned]:
    """The file that comes of a task, all that was said of it, and its plan."""
    found = facts(task, files)
    planned = operation_of(task).resolve(task, found)
    folder.mkdir(exist_ok=True)
    finished = operation_of(task).make(planned.plan, heard, tools(folder, files, found))
    return folder / finished.file, finished, planned


def said(planned: Planned) -> dict[str, Any]:
    """What was not taken as asked, by its field."""
    return {change.field: change.resolved for change in planned.adjustments}


BITS, BLOCK = 10, 16
SIZE = BITS * BLOCK, 32
"""Of a film whose frames show their numbers, in black and white blocks."""
HERTZ = 48000


def numbered(
    path: Path,
    count: int,
    rate: str = "25",
    clicks: Iterable[int] = (),
    *options: object,
    lasting: float = 0.002,
) -> Path:
    """A film whose every frame shows its number, and whose sound clicks as some of them begin."""
    raw, sound = path.with_suffix(".gray"), path.with_suffix(".wav")
    bits = (np.arange(count)[:, None] >> np.arange(BITS)) & 1
    rows = np.repeat(bits * 255, BLOCK, axis=1).astype(np.uint8)
    raw.write_bytes(np.repeat(rows[:, None, :], SIZE[1], axis=1).tobytes())
    seconds = Fraction(count) / Fraction(rate)
    clicking(sound, seconds, [frame / Fraction(rate) for frame in clicks], lasting)
    layout = ["-f", "rawvideo", "-pix_fmt", "gray", "-s", f"{SIZE[0]}x{SIZE[1]}", "-r", rate]
    encoder = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"]
    ffmpeg(*layout, "-i", raw, "-i", sound, *encoder, "-c:a", "pcm_s16le", *options, path)
    return path


def clicking(path: Path, seconds: Fraction, times: Iterable[Fraction], lasting: float) -> None:
    """Silence with clicks, or longer noises."""
    noise = np.random.default_rng(0).integers(-20000, 20000, round(lasting * HERTZ))
    samples = np.zeros(round(seconds * HERTZ), np.int16)
    for at in times:
        begin = round(at * HERTZ)
        samples[begin : begin + len(noise)] = noise
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, HERTZ, 0, "NONE", ""))
        file.writeframes(samples.tobytes())


def numbers(path: Path, size: tuple[int, int] = SIZE) -> list[int]:
    """What the frames of a film show."""
    frames = decode_rgb(path, *size)
    width = size[0] / BITS
    centres = [int((bit + 0.5) * width) for bit in range(BITS)]
    lit = frames[:, size[1] // 2, centres, 1] > 128
    return [int(number) for number in lit @ (1 << np.arange(BITS))]


def clicks(path: Path, rate: str = "25") -> list[float]:
    """Frames at which a click is heard."""
    loud = np.flatnonzero(np.abs(decode_audio(path, 2)[:, 0]) > 0.15)
    firsts = loud[np.flatnonzero(np.diff(loud, prepend=-HERTZ) > HERTZ // 50)]
    return [float(first / HERTZ * Fraction(rate)) for first in firsts]
