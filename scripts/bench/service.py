"""What the service itself costs: its start, memory, submits, /health, jobs, cancel, encoder."""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

from scripts.bench import encoding, health, lifecycle, overhead, submit
from scripts.bench.client import running
from scripts.bench.report import Report
from scripts.bench.workloads import WORKLOADS
from scripts.service_process import clean_environment

PARTS = ("start", "submit", "health", "overhead", "cancel", "unload", "encode")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may be chosen."""
    parser.add_argument("--model", choices=sorted(WORKLOADS), default="wan21")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, metavar="PART")
    parser.add_argument("--folder", type=Path, default=Path(".benchmark"))


def run(args: argparse.Namespace, report: Report) -> None:
    """Measure the parts that were asked for."""
    folder: Path = args.folder.resolve()
    for leftovers in ("outputs", "state"):
        shutil.rmtree(folder / leftovers, ignore_errors=True)
    make_weights(args.model, folder)
    parts = set(args.only)
    if "start" in parts:
        report.heading("Starting the service, and leaving it idle")
        lifecycle.measure_start(report, args.model, folder)
    if "submit" in parts:
        report.heading("Submitting jobs")
        submit.measure(report, folder)
    if parts & {"health", "overhead", "cancel", "unload"}:
        _measure_jobs(report, args.model, folder, parts)
    if "encode" in parts:
        report.heading("Encoding")
        encoding.measure(report, folder)


def _measure_jobs(report: Report, model: str, folder: Path, parts: set[str]) -> None:
    """One service, from a model that is not loaded to one that is unloaded again."""
    work = WORKLOADS[model]
    # Unquantized, as the bare call is: unpacking weights is the scheme's cost, not the service's.
    with running(model, folder, QUANTIZATION="none") as (service, client):
        if "health" in parts:
            report.heading("/health, idle and through one job")
            health.measure(report, service, client, work.phases)
        if "overhead" in parts:
            report.heading("A job beside a bare call of diffusers and ffmpeg")
            overhead.measure(report, client, model, folder, work.short)
        if "cancel" in parts:
            report.heading("Cancelling")
            lifecycle.measure_cancel(report, client, work.steps)
        if "unload" in parts:
            report.heading("Unloading")
            client.complete(work.short)
            lifecycle.measure_unload(report, service, client)


def make_weights(model: str, folder: Path) -> None:
    """Tiny random weights, in a process of their own: it needs torch, this one does not."""
    command = [sys.executable, "-m", "scripts.make_tiny_checkpoints", model]
    subprocess.run(
        [*command, "--models-dir", str(folder / "models")],
        env=clean_environment(),
        capture_output=True,
        check=True,
    )
