"""How fast jobs are accepted: on disk before the answer, while a job runs.

Measured on the toy model: the API is the same, and its first job holds the worker by waiting, so
that the worker takes no CPU meanwhile. Each request has a seed, and is looked up: it was not made
before.
"""

import sqlite3
import time
from contextlib import closing
from pathlib import Path

from scripts.bench.client import running
from scripts.bench.hammer import Blows, hammer
from scripts.bench.report import Goal, Report, percentile
from tests.toy.model_config import make_checkpoint

GROUP = "submit"
SEQUENTIAL = 400
CONCURRENT = 1600
CLIENTS = 16
BODY: dict[str, object] = {"prompt": "A cat walking on a beach at sunset", "seed": 42}
HOLDING = BODY | {"num_inference_steps": 60, "options": {"step_seconds": 60}}


def measure(report: Report, folder: Path) -> None:
    """Sequential, then many at a time."""
    make_checkpoint(folder / "models")
    settings = {"MAX_QUEUE": "1000000", "REQUEST_CACHE": "on"}
    with running("toy", folder, "tests.toy", **settings) as (service, client):
        held = client.submit(dict(HOLDING))
        client.wait(held, lambda job: job["state"] == "running")
        one = hammer(service.port, SEQUENTIAL, 1, BODY)
        many = hammer(service.port, CONCURRENT, CLIENTS, BODY)
    commits = bare_commits(folder / "bare.db")
    _add(report, "1 client", one, Goal(3), Goal(10))
    _add(report, f"{CLIENTS} clients", many, None, None)
    rate = len(many.latencies) / many.wall_seconds
    p50, p99 = (percentile(commits, percent) * 1e3 for percent in (50, 99))
    note = f"p99 {p99:.3g} ms: what the disk alone takes, just after"
    report.add(GROUP, "a bare commit, p50", p50, "ms", None, note)
    report.add(GROUP, f"{CLIENTS} clients, rate", rate, "/s", Goal(400, "least"), _share(many))


def bare_commits(path: Path) -> list[float]:
    """Seconds of commits as durable as the job store's, without a service."""
    path.unlink(missing_ok=True)
    seconds = []
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode = DELETE")
        database.execute("PRAGMA synchronous = FULL")
        database.execute("CREATE TABLE jobs (text TEXT)")
        for _ in range(SEQUENTIAL):
            started = time.perf_counter()
            database.execute("INSERT INTO jobs VALUES (?)", ["x" * 1000])
            seconds.append(time.perf_counter() - started)
    return seconds


def _add(report: Report, who: str, blows: Blows, p50: Goal | None, p99: Goal | None) -> None:
    for percent, goal in ((50, p50), (99, p99)):
        value = percentile(blows.latencies, percent) * 1e3
        note = f"{len(blows.latencies)} requests, {blows.refused} refused"
        report.add(GROUP, f"{who}, p{percent}", value, "ms", goal, note)


def _share(blows: Blows) -> str:
    share = blows.client_cpu_seconds / blows.wall_seconds
    return f"the client took {share:.0%} of one CPU"
