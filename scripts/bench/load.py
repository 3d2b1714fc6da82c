"""Loading a multi-gigabyte checkpoint: peak memory, first and cached load, beside bare reading.

The checkpoint is made on the spot: the transformer of Wan2.1 14B at its real widths, with as many
layers as fit. Every load runs in a fresh process. Files are in the page cache, unless --cold asks
the kernel to drop them first; what it did is in the table. The fastest round counts.
"""

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from scripts.bench.load_files import cool, share_cached, warm
from scripts.bench.report import Goal, Report
from scripts.service_process import clean_environment

GIB = 2**30
SCHEMES = ("none", "fp8", "fp8_compute", "nf4", "nvfp4")
PEAK_GOAL = 1.15
CACHED_GOAL = 1.3

Json = dict[str, Any]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may be chosen."""
    parser.add_argument("--gib", type=float, default=4, help="size of the checkpoint (4)")
    parser.add_argument("--scheme", choices=SCHEMES, default="fp8")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cold", action="store_true", help="drop files from the page cache first")
    parser.add_argument("--folder", type=Path, default=Path(".benchmark"))


def run(args: argparse.Namespace, report: Report) -> None:
    """Make the checkpoint, load it in every way, and remove it."""
    with _folder(args.folder.resolve() / "load") as folder:
        runner = _Runner(args, folder)
        report.heading(f"Making a checkpoint of {args.gib:g} GiB")
        made = runner("make", "--gib", str(args.gib))
        report.add("source", "size", made["bytes"] / GIB, "GiB", note=f"{made['layers']} layers")
        report.heading(f"Loading it, {args.scheme}")
        _measure_source(report, runner, args)
        if args.scheme != "none":
            _measure_cache(report, runner, args)


@contextmanager
def _folder(path: Path) -> Iterator[Path]:
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


class _Runner:
    """Starts the loads, after the files are in the state that was asked for."""

    def __init__(self, args: argparse.Namespace, folder: Path) -> None:
        self.cache = folder / "cache"
        self._source = folder / "models--org--synthetic" / "snapshots" / "main" / "transformer"
        self._prepare = cool if args.cold else warm
        self._common = ["--scheme", args.scheme, "--device", args.device]
        self.shares: list[float] = []

    @property
    def source_files(self) -> list[Path]:
        """The shards."""
        return sorted(self._source.glob("*.safetensors"))

    @property
    def cached_files(self) -> list[Path]:
        """What a cached load reads."""
        return sorted(self.cache.glob("*/weights.safetensors"))

    def prepared(self, files: Sequence[Path], task: str, *options: str) -> Json:
        """Run a task that reads ``files``."""
        self._prepare(files)
        self.shares.append(share_cached(files))
        return self(task, *options)

    def read(self, files: Sequence[Path]) -> Json:
        """Read ``files`` barely."""
        return self.prepared(files, "pread", "--files", *map(str, files))

    def __call__(self, task: str, *options: str) -> Json:
        """Run a task; raises CalledProcessError. Its libraries' chatter is shown only then."""
        command = [sys.executable, "-W", "ignore", "-m", "scripts.bench.load_child", task]
        done = subprocess.run(
            [*command, "--folder", str(self._source), *self._common, *options],
            env=clean_environment(),
            capture_output=True,
        )
        if done.returncode:
            sys.stderr.buffer.write(done.stderr)
            raise subprocess.CalledProcessError(done.returncode, command)
        answer: Json = json.loads(done.stdout.splitlines()[-1])
        return answer


def _measure_source(report: Report, runner: _Runner, args: argparse.Namespace) -> None:
    bare, ours, theirs = [], [], []
    for _ in range(args.rounds):
        bare.append(runner.read(runner.source_files))
        ours.append(runner.prepared(runner.source_files, "ours"))
        theirs.append(runner.prepared(runner.source_files, "diffusers"))
    _add_load(report, "first load", ours, bare, _state(runner))
    _add_load(report, "diffusers, then quantized", theirs, bare, "from_pretrained, .to(device)")
    _add_peak(report, "first load", ours, Goal(PEAK_GOAL))
    _add_peak(report, "diffusers, then quantized", theirs)


def _measure_cache(report: Report, runner: _Runner, args: argparse.Namespace) -> None:
    option = ("--cache", str(runner.cache))
    kept = runner.prepared(runner.source_files, "ours", *option)
    note = "quantized, checksummed, written and flushed"
    report.add("seconds", "first load, and keeping it", kept["seconds"], "s", note=note)
    size = sum(path.stat().st_size for path in runner.cached_files)
    report.add("cache", "size", size / GIB, "GiB")
    bare, ours = [], []
    for _ in range(args.rounds):
        bare.append(runner.read(runner.cached_files))
        ours.append(runner.prepared(runner.cached_files, "ours", *option))
    if not all(load["from_cache"] for load in ours):
        raise RuntimeError("the cache was not used")
    _add_load(report, "cached load", ours, bare, _state(runner), Goal(CACHED_GOAL))
    _add_peak(report, "cached load", ours, Goal(PEAK_GOAL))


def _add_load(
    report: Report,
    name: str,
    loads: list[Json],
    bare: list[Json],
    note: str,
    goal: Goal | None = None,
) -> None:
    seconds, reading = _seconds(loads), _seconds(bare)
    rate = bare[0]["bytes"] / reading / 1e9
    report.add("seconds", name, seconds, "s", note=note)
    report.add(
        "seconds", f"{name}: bare pread", reading, "s", note=f"{rate:.2f} GB/s, fresh memory"
    )
    report.add("ratio", f"{name} / bare pread", seconds / reading, "x", goal)


def _seconds(answers: list[Json]) -> float:
    """The fastest: whatever else the machine does only ever adds time."""
    return min(float(answer["seconds"]) for answer in answers)


def _add_peak(report: Report, name: str, loads: list[Json], goal: Goal | None = None) -> None:
    peak = max(load["peak"] for load in loads)
    final = loads[0]["final"]
    note = f"{peak / GIB:.2f} of {final / GIB:.2f} GiB"
    report.add("peak", f"{name}: peak / final size", peak / final, "x", goal, note)


def _state(runner: _Runner) -> str:
    low = min(runner.shares)
    high = max(runner.shares)
    runner.shares.clear()
    return f"page cache before: {low:.0%} to {high:.0%} of the files"
