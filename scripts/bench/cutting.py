"""Edits beside raw ffmpeg, and their memory beside the length of a film.

``python -m scripts.bench.cutting [--rounds N]``. Both do the same work with the same encoder, in
turn: the seconds are the least of each one's rounds. Memory is the largest of the child processes,
over films of 10 seconds and of 10 minutes.
"""

import argparse
import os
import re
import resource
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread
from typing import Any

from imageio_ffmpeg import get_ffmpeg_exe

from common.base.settings import MIB
from common.media.codecs import EncoderSettings, codec_arguments
from studio.bounds import Bounds
from studio.looking import look_at
from studio.operations import operation_of
from studio.operations.caption import Caption
from studio.operations.edit.task import Edit
from studio.operations.sound import AddAudio
from studio.rendering.tools import Tools
from studio.sources import Facts
from studio.tasks import Task

ENCODER = EncoderSettings(preset="veryfast")
SOUND = ("-c:a", "aac", "-b:a", "192k")
LONG, SHORT = 600, 10
SAID = {"captions": "said"}
_PIXELS = 4096 * 2304
_BOUNDS = Bounds(10_000 * MIB, _PIXELS, _PIXELS, max_seconds=4 * 3600)


@dataclass(frozen=True)
class Run:
    """What one took: seconds on the clock and of the processors, and MB of its largest child."""

    seconds: float
    cpu: float
    megabytes: float


@dataclass(frozen=True)
class Case:
    """The same work, as we do it and as people do it: filters, and options of the output."""

    name: str
    film: str
    task: Task
    filters: str
    output: Sequence[str]
    others: Mapping[str, str] = field(default_factory=dict)
    """Which files it takes beside the film, by their fields."""


def cases() -> list[Case]:
    """What is compared."""
    spans = ((1, 9), (10, 19), (20.2, 29.8))
    cuts = [{"start": 9, "end": 10}, {"start": 19, "end": 20.2}]
    clip = {"start": 1, "end": 29.8, "cut": cuts}
    encoded = ("-map", "[v]", "-map", "[a]", *codec_arguments(ENCODER, 1920, 1080), *SOUND)
    upright = "[0:v]scale=3414:1920,crop=1080:1920[v];[0:a]anull[a]"
    mixed = "[0:a][1:a]amix=duration=first:normalize=0[a]"
    copied = ("-map", "0:v", "-map", "[a]", "-c:v", "copy", *SOUND)
    drawn = ("-map", "[v]", "-map", "0:a", *codec_arguments(ENCODER, 1920, 1080), "-c:a", "copy")
    return [
        Case("cut", "hd", Edit.model_validate({"clips": [clip]}), _joined(spans), encoded),
        Case("9:16", "hd", Edit(aspect="9:16"), upright, encoded),
        Case("addaudio mix", "hd", AddAudio(mode="mix"), mixed, copied, {"audio": "hd"}),
        Case("captions", "hd", Caption(), "[0:v]subtitles={captions}[v]", drawn, SAID),
    ]


def _joined(spans: Sequence[tuple[float, float]]) -> str:
    parts = [
        f"[0:v]trim={a}:{b},setpts=PTS-STARTPTS[v{i}];"
        f"[0:a]atrim={a}:{b},asetpts=PTS-STARTPTS[a{i}];"
        for i, (a, b) in enumerate(spans)
    ]
    labels = "".join(f"[v{i}][a{i}]" for i in range(len(spans)))
    return f"{''.join(parts)}{labels}concat=n={len(spans)}:v=1:a=1[v][a]"


def films(folder: Path) -> dict[str, Path]:
    """Every third second of them is silent; and something to read in each second."""
    said = folder / "said.srt"
    said.write_text("\n".join(f"{n}\n{_line(n)}\nWords of second {n}\n" for n in range(1, 29)))
    return {"said": said} | {
        name: _film(folder / f"{name}.mp4", size, seconds)
        for name, size, seconds in (
            ("hd", "1920x1080", 30),
            ("short", "320x180", SHORT),
            ("long", "320x180", LONG),
        )
    }


def _line(second: int) -> str:
    return f"00:00:{second:02},100 --> 00:00:{second:02},900"


def _film(path: Path, size: str, seconds: int) -> Path:
    picture = ["-f", "lavfi", "-i", f"testsrc2=size={size}:rate=25"]
    heard = "aevalsrc='0.4*sin(2*PI*440*t)*lt(mod(t,3),2)':s=48000,aformat=channel_layouts=stereo"
    sound = ["-f", "lavfi", "-i", heard]
    encoder = ["-pix_fmt", "yuv420p", "-preset", "ultrafast", "-g", "50", "-c:a", "aac"]
    _ffmpeg(*picture, *sound, "-t", str(seconds), *encoder, str(path))
    return path


def _ffmpeg(*arguments: str) -> None:
    command = [get_ffmpeg_exe(), "-v", "error", "-y", *arguments]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


def measured(work: Any, *arguments: Any) -> Run:
    """In a process of its own, whose children are those of the work alone."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_measure, work, *arguments).result()


def _measure(work: Any, *arguments: Any) -> Run:
    started, peak, done = time.perf_counter(), [0.0], Event()
    watch = Thread(target=_watch, args=(peak, done))
    watch.start()
    work(*arguments)
    seconds, used = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    done.set()
    watch.join()
    return Run(seconds, used.ru_utime + used.ru_stime, peak[0])


def _watch(peak: list[float], done: Event) -> None:
    """What the kernel counts for a child begins with what its parent had: ask ffmpeg itself."""
    while not done.wait(0.05):
        children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
        peak[0] = max([peak[0], *(_held(child) for child in children)])


def _held(child: str) -> float:
    try:
        status = Path(f"/proc/{child}/status").read_text()
    except OSError:
        return 0.0
    found = re.search(r"Name:\s+ffmpeg[^$]*VmHWM:\s+(\d+)", status)
    return int(found[1]) / 1024 if found else 0.0


def facts(task: Task, files: dict[str, Path]) -> dict[str, Facts]:
    """What the files are: the API finds out, before there is a job."""
    found = {}
    for name, path in files.items():
        with path.open("rb") as file:
            found[name] = look_at(file, task.wanted[name].forms, _BOUNDS)
    return found


def ours(task: Task, files: dict[str, Path], found: dict[str, Facts], folder: Path) -> None:
    """As the worker does it."""
    planned = operation_of(task).resolve(task, found)
    tools = Tools("0" * 32, folder, files, found, ENCODER, lambda: None, lambda *_: None)
    operation_of(task).make(planned.plan, None, tools)


def raw(case: Case, files: dict[str, Path], folder: Path) -> None:
    """As people do it."""
    played = [path for path in files.values() if path.suffix == ".mp4"]
    inputs = [part for path in played for part in ("-i", str(path))]
    filters = case.filters.replace("{captions}", str(files.get("captions")))
    fast = ("-movflags", "+faststart", str(folder / "raw.mp4"))
    _ffmpeg(*inputs, "-filter_complex", filters, *case.output, *fast)


def main() -> None:
    """Print two tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    with TemporaryDirectory() as folder:
        made = films(Path(folder))
        for case in cases():
            _compare(case, made, Path(folder), rounds)
        silence = {"method": "level"}
        task = Edit.model_validate({"silence": silence, "loudness": -14, "fps": 24})
        for name in ("short", "long"):
            film = {"video": made[name]}
            run = measured(ours, task, film, facts(task, film), Path(folder))
            _say(f"silence and loudness, {name}", f"{run.megabytes:.0f} MB, {run.seconds:.1f} s")


def _compare(case: Case, made: dict[str, Path], folder: Path, rounds: int) -> None:
    files = {"video": made[case.film], **{key: made[name] for key, name in case.others.items()}}
    found = facts(case.task, files)
    pairs = [
        (measured(ours, case.task, files, found, folder), measured(raw, case, files, folder))
        for _ in range(rounds)
    ]
    for unit in ("seconds", "cpu"):
        mine, theirs = (min(getattr(pair[which], unit) for pair in pairs) for which in (0, 1))
        _say(f"{case.name}, {unit}", f"{mine:.2f}, raw {theirs:.2f}: {mine / theirs:.2f}")


def _say(what: str, figures: str) -> None:
    sys.stdout.write(f"{what:34} {figures}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
