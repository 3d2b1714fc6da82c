"""What our listening costs beside bare faster-whisper: seconds and memory, in pairs, on one file.

Each run has a process of its own, and loads the model before its clock starts.
"""

import argparse
import multiprocessing
import resource
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from scripts.bench.report import Goal, Report, median
from scripts.unwatched import Unwatched
from studio.listening.faster import FasterWhisper
from studio.listening.listen import listen
from studio.listening.wish import Wish

MOST = 1.05
"""Of the bare library's time."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """A file and a checkpoint, which nobody else brings."""
    parser.add_argument("--file", type=Path, required=True, help="sound in which somebody speaks")
    parser.add_argument("--checkpoint", type=Path, required=True, help="a CTranslate2 folder")
    parser.add_argument("--pairs", type=int, default=3)


def run(args: argparse.Namespace, report: Report) -> None:
    """Turn and turn about."""
    ratios, bare_seconds, our_seconds = [], [], []
    for _ in range(args.pairs):
        bare, bare_peak = _apart(_bare, args.checkpoint, args.file)
        ours, our_peak = _apart(_ours, args.checkpoint, args.file)
        bare_seconds.append(bare)
        our_seconds.append(ours)
        ratios.append(ours / bare)
    note = f"median of {args.pairs}"
    report.add("listening", "faster-whisper alone", median(bare_seconds), "s", note=note)
    report.add("listening", "ours", median(our_seconds), "s", note=note)
    report.add("listening", "ours to alone", median(ratios), "times", goal=Goal(MOST), note=note)
    report.add("listening", "peak of memory, alone", bare_peak, "MiB")
    report.add("listening", "peak of memory, ours", our_peak, "MiB")


def _apart(
    measured: Callable[[Path, Path], tuple[float, float]], checkpoint: Path, file: Path
) -> tuple[float, float]:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context) as pool:
        return pool.submit(measured, checkpoint, file).result()


def _bare(checkpoint: Path, file: Path) -> tuple[float, float]:
    model = FasterWhisper.load(checkpoint).model
    started = time.perf_counter()
    found, _ = model.transcribe(str(file), word_timestamps=True, vad_filter=True)
    print(len(list(found)), "segments, alone")
    return time.perf_counter() - started, _peak()


def _ours(checkpoint: Path, file: Path) -> tuple[float, float]:
    listener = FasterWhisper.load(checkpoint)
    started = time.perf_counter()
    heard = listen(listener, file, 1.0, Wish(), Unwatched())
    print(len(heard.cues), "segments, ours")
    return time.perf_counter() - started, _peak()


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
