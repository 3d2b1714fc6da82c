"""A worker's start, to its first byte of weights, and with libraries left alone beside it.

Tiny random weights; every start is a fresh process, and the fastest round counts. What libraries
import when they are left alone is what every start took before common/runtime/libraries.py.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

from scripts.bench.client import Json
from scripts.bench.report import Goal, Report, median
from scripts.bench.service import make_weights
from scripts.make_tiny_checkpoints import MODELS
from scripts.service_process import clean_environment, folders

_MEASURED = ("seconds", "cpu", "memory")
TIMES_TORCH = Goal(2)
"""What importing a pipeline may take of what ``import torch`` takes."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may be chosen."""
    parser.add_argument("--model", choices=MODELS, help="only this one")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=Path(".benchmark"))


def run(args: argparse.Namespace, report: Report) -> None:
    """Every model, in turn with bare torch: a machine is not equally busy all the time."""
    folder: Path = args.folder.resolve()
    for model in [args.model] if args.model else MODELS:
        report.heading(f"Starting {model}")
        make_weights(model, folder)
        _add(report, model, [_round(folder, model) for _ in range(args.rounds)])


def _round(folder: Path, model: str) -> dict[str, Json]:
    return {
        "torch": _start(folder, "torch", model),
        "pipeline alone": _start(folder, "pipeline", model, "--alone"),
        "pipeline": _start(folder, "pipeline", model),
        "worker alone": _start(folder, "worker", model, "--alone"),
        "worker": _start(folder, "worker", model),
    }


def _start(folder: Path, what: str, model: str, *options: str) -> Json:
    command = [sys.executable, "-m", "scripts.bench.start_child", what, model]
    done = subprocess.run(
        [*command, str(time.monotonic()), *options],
        env=clean_environment() | folders(folder) | {"DEVICE": "cpu"},
        capture_output=True,
        check=True,
    )
    answer: Json = json.loads(done.stdout.splitlines()[-1])
    return answer


def _add(report: Report, model: str, rounds: list[dict[str, Json]]) -> None:
    """Seconds from the process's birth, and the processor's own, which a busy machine leaves."""
    for name in rounds[0]:
        seconds, cpu, memory = (min(each[name][what] for each in rounds) for what in _MEASURED)
        label = "first byte" if name.startswith("worker") else "imported"
        note = f"{cpu:.2f} s of the processor, {memory:.0f} MiB"
        report.add(model, f"{name}: {label}", seconds, "s", None, note)
    for name, goal in (("pipeline alone", None), ("pipeline", TIMES_TORCH)):
        times = median([each[name]["cpu"] / each["torch"]["cpu"] for each in rounds])
        report.add(model, f"{name} / torch", times, "x", goal, "processor time, median of pairs")
