"""One service with ever more jobs behind it: what its routes, submits, claims and starts take.

On the toy model: the API and the job store are the same, and its worker takes no CPU meanwhile.
"""

import argparse
import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from common.jobs.backup import DATABASE
from common.jobs.database import sqlite_url
from common.jobs.sql import SqlJobStore
from common.kinds.video import VIDEO_KIND
from scripts.bench.client import POLL_SECONDS, Client, running
from scripts.bench.connection import Connection, get
from scripts.bench.growth_data import MODEL, make_database, make_folders, result
from scripts.bench.hammer import Blows, hammer
from scripts.bench.report import Goal, Report, median, percentile
from scripts.bench.streams import measure as measure_streams
from scripts.bench.submit import BODY, HOLDING, bare_commits
from scripts.service_process import ServiceProcess
from tests.toy.model_config import make_checkpoint

PACKAGE = "tests.toy"
QUEUE = "5,000 queued"
SIZES = {
    "6 ended": (6, 0),
    QUEUE: (6, 5000),
    "100,000 ended": (100_000, 0),
    "1,000,000 ended": (1_000_000, 0),
}
"""Jobs that have ended, and jobs that wait."""
TEXT = b"Accept: text/plain\r\n"
ROUTES = {
    "/health": get("/health"),
    "/ready": get("/ready"),
    "/jobs": get("/jobs"),
    "/jobs?state=failed": get("/jobs?state=failed"),
    "/queue/status": get("/queue/status"),
    "/metrics": get("/metrics"),
    "/metrics, Prometheus": get("/metrics").replace(b"\r\n\r\n", b"\r\n" + TEXT + b"\r\n"),
}
ROUTE_MS = 25
ASKED = 60
SCRAPES_A_SECOND = 10
CLAIMS = 500
_SETTINGS = {"MAX_QUEUE": "1000000", "MIN_FREE_DISK_GB": "0"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may be chosen."""
    parser.add_argument("--sizes", nargs="+", default=list(SIZES), choices=SIZES, metavar="SIZE")
    parser.add_argument("--folders", type=int, default=0, help="published folders of each (0)")
    parser.add_argument("--streams", type=int, default=500, help="of as many jobs; 0: none (500)")
    parser.add_argument("--folder", type=Path, default=Path(".benchmark"))


def run(args: argparse.Namespace, report: Report) -> None:
    """One size after the other; each database is removed when it was measured."""
    folder: Path = args.folder.resolve() / "growth"
    make_checkpoint(folder / "models")
    rates: dict[str, float] = {}
    for size in args.sizes:
        report.heading(size)
        with _history(report, folder, size, args.folders):
            if SIZES[size][1]:
                _claims(report, folder, size)
            with _started(report, folder, size) as (service, client):
                _routes(report, service, size)
                _beside_scrapes(report, service, size)
                rates[size] = _crowd(report, service, size, rates)
                _bare(report, folder, size)
                if SIZES[size][1] and args.streams:
                    waiting = [client.submit(BODY) for _ in range(args.streams)]
                    measure_streams(report, service, size, waiting, 10)


@contextmanager
def _history(report: Report, folder: Path, size: str, folders: int) -> Iterator[None]:
    for leftovers in ("outputs", "state"):
        shutil.rmtree(folder / leftovers, ignore_errors=True)
    path = _database(folder)
    opening = make_database(path, *SIZES[size])
    report.add(size, "an earlier version's database, opened", opening, "s", None, "once")
    report.add(size, "size of the database", path.stat().st_size / 2**20, "MiB")
    make_folders(folder / "outputs" / MODEL, path, folders)
    os.sync()  # or the first commits would wait for gigabytes
    try:
        yield
    finally:
        shutil.rmtree(folder / "outputs", ignore_errors=True)
        shutil.rmtree(folder / "state", ignore_errors=True)


def _database(folder: Path) -> Path:
    return folder / "state" / MODEL / DATABASE


@contextmanager
def _started(report: Report, folder: Path, size: str) -> Iterator[tuple[ServiceProcess, Client]]:
    """The second start, as all are but one: the table and the outputs have their name."""
    with running(MODEL, folder, PACKAGE, **_SETTINGS):
        pass
    started = time.perf_counter()
    with running(MODEL, folder, PACKAGE, **_SETTINGS) as (service, client):
        report.add(size, "start, until it listens", time.perf_counter() - started, "s", Goal(1))
        client.submit(dict(HOLDING))  # or one that waits, and is held up as long
        while not client.get("/queue/status")["running"]:
            time.sleep(POLL_SECONDS)
        yield service, client


def _routes(report: Report, service: ServiceProcess, size: str) -> None:
    connection = Connection(service.port)
    for name, request in ROUTES.items():
        times = [connection.exchange(request)[1] for _ in range(ASKED)]
        goal = Goal(ROUTE_MS)
        note = f"slowest {max(times) * 1e3:.3g} ms of {ASKED}"
        report.add(size, f"{name}, median", median(times) * 1e3, "ms", goal, note)


def _beside_scrapes(report: Report, service: ServiceProcess, size: str) -> None:
    ended = threading.Event()

    def scrape() -> None:
        connection = Connection(service.port)
        while not ended.wait(1 / SCRAPES_A_SECOND):
            connection.exchange(ROUTES["/metrics, Prometheus"])
            connection.exchange(ROUTES["/metrics"])

    scraper = threading.Thread(target=scrape)
    scraper.start()
    blows = hammer(service.port, 400, 1, BODY)
    ended.set()
    scraper.join()
    note = f"{2 * SCRAPES_A_SECOND} scrapes a second, {len(blows.latencies)} submits"
    value = percentile(blows.latencies, 99) * 1e3
    report.add(size, "submit beside scrapes, p99", value, "ms", Goal(20), note)


def _crowd(report: Report, service: ServiceProcess, size: str, before: dict[str, float]) -> float:
    """16 clients together, against one, and against those of the first size."""
    one, many = hammer(service.port, 400, 1, BODY), hammer(service.port, 1600, 16, BODY)
    alone, together = _rate(one), _rate(many)
    report.add(size, "submits, 1 client", alone, "/s", None, _latency(one))
    report.add(size, "submits, 16 clients", together, "/s", Goal(400, "least"), _latency(many))
    report.add(size, "16 clients against 1", together / alone, "times", Goal(4, "least"))
    if before:
        first, rate = next(iter(before.items()))
        report.add(size, f"16 clients against {first}", together / rate, "times")
    return together


def _bare(report: Report, folder: Path, size: str) -> None:
    p50, p99 = (percentile(bare_commits(folder / "bare.db"), at) * 1e3 for at in (50, 99))
    report.add(size, "a bare commit, p50", p50, "ms", None, f"p99 {p99:.3g} ms: the disk alone")


def _rate(blows: Blows) -> float:
    return len(blows.latencies) / blows.wall_seconds


def _latency(blows: Blows) -> str:
    p50, p99 = (percentile(blows.latencies, percent) * 1e3 for percent in (50, 99))
    return f"p50 {p50:.3g} ms, p99 {p99:.3g} ms, {blows.refused} refused"


def _claims(report: Report, folder: Path, size: str) -> None:
    """What a worker does to the store for a job, as fast as it goes: claims, and completions."""
    store = SqlJobStore(sqlite_url(_database(folder)), MODEL, VIDEO_KIND)
    made = result("f")
    seconds = []
    for _ in range(CLAIMS):
        started = time.perf_counter()
        job = store.claim("benchmark")
        seconds.append(time.perf_counter() - started)
        assert job is not None  # noqa: S101  # there are 5,000
        store.complete(job.id, job.token or "", made)
    store.close()
    note = f"p50 {median(seconds) * 1e3:.3g} ms, each before a completion"
    report.add(size, "claims", CLAIMS / sum(seconds), "/s", Goal(50, "least"), note)
