"""Hundreds of event streams on one service, and what they leave of /health."""

import argparse
import shutil
import time
from pathlib import Path

from scripts.bench.client import Client, Json, running
from scripts.bench.pulse import Pulse
from scripts.bench.report import Goal, Report, percentile
from scripts.bench.service import make_weights
from scripts.bench.watchers import watching
from scripts.bench.workloads import WORKLOADS
from scripts.service_process import ServiceProcess

MODEL = "wan21"
GOAL_MS = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may be chosen."""
    parser.add_argument("--streams", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=15, help="of each measurement")
    parser.add_argument("--folder", type=Path, default=Path(".benchmark"))


def run(args: argparse.Namespace, report: Report) -> None:
    """All on one running job, and each on a job of its own behind it."""
    folder: Path = args.folder.resolve()
    for leftovers in ("outputs", "state"):
        shutil.rmtree(folder / leftovers, ignore_errors=True)
    make_weights(MODEL, folder)
    long = WORKLOADS[MODEL].steps
    with running(MODEL, folder, MAX_QUEUE=str(args.streams + 1)) as (service, client):
        job = client.submit(long)
        client.wait(job, _denoises)
        report.heading(f"{args.streams} streams of one running job")
        measure(report, service, "one job", [job] * args.streams, args.seconds)
        report.heading(f"{args.streams} streams, each of a job of its own")
        waiting = _queue(client, long, args.streams - 1)
        measure(report, service, "a job each", [job, *waiting], args.seconds)


def _denoises(job: Json) -> bool:
    return bool(job["progress"]["phase"] == "denoising")


def _queue(client: Client, body: Json, count: int) -> list[str]:
    return [client.submit(body) for _ in range(count)]


def measure(
    report: Report, service: ServiceProcess, name: str, jobs: list[str], seconds: float
) -> None:
    """Watch these jobs for so long, and take the service's pulse meanwhile."""
    with watching(service.port, jobs) as watched, Pulse(service.port) as pulse:
        time.sleep(seconds)
    answers = [answer for _, answer in pulse.beats]
    note = f"{len(jobs)} streams, {watched.events} events, {len(answers)} samples"
    report.add("/health", f"{name}, p50", percentile(answers, 50) * 1e3, "ms")
    report.add("/health", f"{name}, p99", percentile(answers, 99) * 1e3, "ms", Goal(GOAL_MS), note)
    report.add("/health", f"{name}, max", max(answers) * 1e3, "ms")
