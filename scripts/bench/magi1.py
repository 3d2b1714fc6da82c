"""MAGI-1's long videos: memory and seconds a chunk that do not grow with the length.

Through the real pipeline, on a small checkpoint with random weights, on the CPU. Each length is
made in a fresh process. ``--real-geometry`` measures the 4.5B transformer instead, on a GPU.
"""

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from magi1.estimates import WINDOW
from scripts.bench import gpu
from scripts.bench.report import Goal, Report, median
from scripts.service_process import clean_environment

LENGTHS = (4, 16, 64)
"""Chunks. In the first the window never is full with clean chunks behind it."""

SHORTEST, LONGEST = 5, 16
"""What the second longest and the longest must have at least: a window that is full and stays so,
and enough chunks to compare late ones with early ones."""

FLAT = Goal(1.05)
MIB = 2**20

FIXED = {
    "OMP_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": "65536",
    "MALLOC_TRIM_THRESHOLD_": "65536",
}
"""glibc gives every tensor pages of its own, and takes them back: what is in use is what is alive,
not how the heap is split. By default tens of megabytes come and go from chunk to chunk."""

Json = dict[str, Any]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may be chosen."""
    parser.add_argument(
        "--lengths", type=int, nargs="+", default=LENGTHS, help="in chunks (4 16 64)"
    )
    parser.add_argument("--folder", type=Path, default=Path(".benchmark"))
    parser.add_argument(
        "--real-geometry", action="store_true", help="the 4.5B in bf16 and NF4; needs a GPU"
    )


def run(args: argparse.Namespace, report: Report) -> int:
    """Measure; 0 where every goal was met, else 1."""
    if args.real_geometry:
        _measure_real(report)
    else:
        lengths = checked(args.lengths)
        _measure_lengths(report, lengths, args.folder.resolve() / "magi1")
    return 0 if report.goals_met else 1


def _measure_real(report: Report) -> None:
    """As ``benchmark gpu`` does it.

    Raises:
        SystemExit: there is no GPU here.
    """
    from common.runtime.devices import pick_device

    if pick_device().type != "cuda":
        raise SystemExit(
            "--real-geometry needs a CUDA device. On a CPU, `benchmark gpu --model magi1 --size "
            "small` shows that the same code runs."
        )
    parser = argparse.ArgumentParser()
    gpu.add_arguments(parser)
    wanted = ["--model", "magi1", "--size", "full", "--schemes", "nf4"]
    gpu.run(parser.parse_args(wanted), report)


def checked(lengths: Sequence[int]) -> list[int]:
    """The lengths in order.

    Raises:
        SystemExit: they would leave a goal unmeasured.
    """
    ordered = sorted(set(lengths))
    if len(ordered) < 2 or ordered[-2] < SHORTEST or ordered[-1] < LONGEST:
        raise SystemExit(
            f"--lengths {' '.join(map(str, lengths))} compares nothing: give two or more, the "
            f"longest of {LONGEST} chunks at least, the next of {SHORTEST}."
        )
    return ordered


def _measure_lengths(report: Report, lengths: list[int], folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        _child(folder, "make")
        report.heading("A video of each length, in a process of its own")
        videos = {chunks: _child(folder, "video", chunks, **FIXED) for chunks in lengths}
        for chunks, video in videos.items():
            add_video(report, chunks, video)
        compare(report, videos)
        report.heading("Late chunks of a long video against early ones, drawn in turn")
        add_pace(report, _child(folder, "pace", *lengths))
        report.heading("The first frames, for each length in turn")
        add_first(report, lengths, _child(folder, "first", *lengths))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _child(folder: Path, task: str, *chunks: int, **settings: str) -> Json:
    """Run a task of ``magi1_child``; its libraries' chatter is shown only where it fails.

    Raises:
        CalledProcessError: it failed.
    """
    command = [sys.executable, "-W", "ignore", "-m", "scripts.bench.magi1_child", task]
    command += ["--folder", str(folder), *(["--chunks", *map(str, chunks)] if chunks else [])]
    environment = clean_environment() | {"OMP_NUM_THREADS": "1"} | settings
    done = subprocess.run(command, env=environment, capture_output=True, cwd=folder)
    if done.returncode:
        sys.stderr.buffer.write(done.stderr)
        raise subprocess.CalledProcessError(done.returncode, command)
    answer: Json = json.loads(done.stdout.splitlines()[-1])
    return answer


def add_video(report: Report, chunks: int, video: Json) -> None:
    """What one length took."""
    name = f"{chunks} chunks"
    peak = max(video["peaks"])
    loaded = video["loaded"]
    note = f"over the {loaded / MIB:.0f} MiB of the process with the loaded model"
    report.add("peak memory", name, (peak - loaded) / MIB, "MiB", note=note)
    if full := in_full_window(video["seconds"]):
        note = f"median of {len(full)} with a full window; the fixed allocator is slower"
        report.add("seconds a chunk", name, median(full), "s", note=note)


def in_full_window(values: list[float]) -> list[float]:
    """Those of the chunks that came while as many others were denoised as ever are.

    That is from the second chunk on, since the first fills the window, until none is left to enter.
    """
    return values[1 : len(values) - WINDOW + 1]


def compare(report: Report, videos: dict[int, Json]) -> None:
    """The longest against the shortest with a full window, and its own end against its beginning.

    What is compared is the increase over the loaded model: the process' own size would hide it.
    """
    filled = {chunks: video for chunks, video in videos.items() if chunks > WINDOW}
    short, long = min(filled), max(filled)
    ratio = increase(filled[long]) / increase(filled[short])
    report.add("peak memory", f"{long} / {short} chunks, increase", ratio, "x", FLAT)
    peaks = in_full_window([peak - filled[long]["loaded"] for peak in filled[long]["peaks"]])
    third = len(peaks) // 3
    drift = max(peaks[-third:]) / max(peaks[:third])
    report.add("peak memory", f"last third / first, of {long} chunks", drift, "x", FLAT)


def increase(video: Json) -> int:
    """Bytes above the loaded model."""
    return int(max(video["peaks"]) - video["loaded"])


def add_pace(report: Report, pace: Json) -> None:
    """Whether late chunks take longer."""
    note = f"CPU: {pace['late']:.3f} s, {pace['early']:.3f} s; median of the pairs' ratios"
    report.add("seconds a chunk", "late / early", pace["ratio"], "x", FLAT, note)


def add_first(report: Report, lengths: list[int], first: Json) -> None:
    """When the first frames can be watched."""
    for chunks, seconds in zip(lengths, first["seconds"], strict=True):
        report.add("first frames", f"{chunks} chunks", seconds, "s")
    ratio = max(first["cpu_seconds"]) / min(first["cpu_seconds"])
    note = "of CPU seconds"
    report.add("first frames", "slowest / fastest length", ratio, "x", FLAT, note)
