"""Four services and one small pool: mixed jobs, killed holders, and a look from outside.

What is sampled is what the kernel says of the worker processes, not what our own probe says.
"""

import os
import random
import signal
import tempfile
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Any

import httpx
import psutil

from common.memory.ledger import Ledger
from common.memory.pool import Lease, Stage, order
from tests.live import ENDED, LiveService, wait_until
from tests.toy.model_config import MIB, make_checkpoint

LOADS_MB = {"toy_a": 200, "toy_b": 150, "toy_c": 250, "toy_d": 100}
POOL_MB = 850
"""Two of them at work, beside four interpreters of about 80 MB; never all four."""
MARGIN_MB = 50
"""Not handed out, as a quarter of the floor is not on a real machine: estimates are no promises."""
JOBS_PER_BLOW = 4
SAMPLE_SECONDS = 0.02
DRAIN_SECONDS = 300.0


@dataclass
class Seen:
    """What was sampled."""

    peak_bytes: int = 0
    samples: int = 0
    loads: Counter[str] = field(default_factory=Counter)
    kills: Counter[str] = field(default_factory=Counter)
    at_peak: dict[str, tuple[int, int]] = field(default_factory=dict)
    """MiB held by each worker then, and promised to it."""
    passed: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Account:
    """What happened, and what should not have."""

    seed: int
    seen: Seen
    outcomes: Counter[str]
    seconds: float
    baseline_bytes: tuple[int, int]
    violations: list[str]

    def table(self) -> str:
        """For people."""
        seen, (before, after) = self.seen, self.baseline_bytes
        lines = [
            f"seed {self.seed}: {dict(self.outcomes)} in {self.seconds:.0f} s",
            f"pool {POOL_MB} MB, peak {seen.peak_bytes / MIB:.0f} MB in {seen.samples} samples",
            f"held and promised at the peak: {seen.at_peak}",
            f"loads {dict(seen.loads)}, blows {dict(seen.kills)}",
            f"workers held {before / MIB:.0f} MB before and {after / MIB:.0f} MB after",
            *(f"VIOLATION {text}" for text in self.violations),
        ]
        return "\n".join(lines)


class Four:
    """The four services on shared folders."""

    def __init__(self, folder: Path) -> None:
        self.services = {name: self._service(folder, name) for name in LOADS_MB}
        self.ledger = Ledger(folder / "state" / "memory")

    def _service(self, folder: Path, name: str) -> LiveService:
        make_checkpoint(folder / "models", name=name, megabytes=LOADS_MB[name])
        return LiveService(
            folder,
            module=f"tests.toy.four {name.upper()}",
            model=name,
            memory_kind="cpu",
            memory_pool_gb=(POOL_MB - MARGIN_MB) / 1024,
            min_residence_seconds=0.2,
            eviction_seconds=3,
            heartbeat_timeout_seconds=4,
            step_timeout_seconds=4,
            max_attempts=50,
            auto_unload_minutes=-1,
        )

    def workers(self) -> dict[str, psutil.Process]:
        """The worker process of each service, while there is one."""
        found = {}
        for name, service in self.services.items():
            with suppress(psutil.Error):
                for child in psutil.Process(service.process.pid).children():
                    found[name] = child
        return found

    def held_bytes(self, leases: tuple[Lease, ...]) -> dict[str, int]:
        """What the kernel says that each worker holds that was given anything.

        An empty worker's interpreter, some 80 MB, is not handed out: the margin is there for it.
        """
        joined = {lease.pid for lease in leases if lease.reserved_bytes}
        held = {}
        for name, worker in self.workers().items():
            with suppress(psutil.Error):
                if worker.pid in joined:
                    held[name] = worker.memory_info().rss
        return held


def run(jobs: int, seed: int) -> Account:
    """Let ``jobs`` jobs of four models live through it."""
    with tempfile.TemporaryDirectory(prefix="four-") as folder:
        four = Four(Path(folder))
        try:
            for service in four.services.values():
                service.start()
            return _run(four, jobs, seed)
        finally:
            for service in four.services.values():
                service.close()


def _run(four: Four, jobs: int, seed: int) -> Account:
    chance, seen, over = random.Random(seed), Seen(), threading.Event()
    started, before = time.monotonic(), _sum(four)
    threads = [
        threading.Thread(target=_sample, args=(four, seen, over)),
        threading.Thread(target=_strike, args=(four, seen, over, jobs, random.Random(seed + 1))),
    ]
    for thread in threads:
        thread.start()
    try:
        ids = _submit(four, jobs, chance)
        wait_until(lambda: _all_ended(four), DRAIN_SECONDS, "every job ends")
    finally:
        over.set()
        for thread in threads:
            thread.join()
    seconds = time.monotonic() - started
    found = _violations(four, ids, seen)
    outcomes = Counter(job["state"] for s in four.services.values() for job in s.jobs())
    after = _at_rest(four)
    if after > before + 8 * MIB:
        found.append(f"memory did not come back: {before} bytes before, {after} after")
    return Account(seed, seen, outcomes, seconds, (before, after), found)


def _submit(four: Four, jobs: int, chance: random.Random) -> dict[str, list[str]]:
    """Send everything, in bursts; every job is accepted."""
    ids: dict[str, list[str]] = {name: [] for name in four.services}
    pause = threading.Event()
    for _ in range(jobs):
        name = chance.choice(list(ids))
        options = {"step_seconds": chance.uniform(0, 0.05), "hold_mb": chance.choice([0, 20, 80])}
        ids[name].append(_accepted(four.services[name], options, pause))
        pause.wait(chance.choice([0, 0, 0, 0.3]))
    return ids


def _accepted(service: LiveService, options: dict[str, Any], pause: threading.Event) -> str:
    """Send until it answers; a job whose answer was lost is made all the same."""
    while True:
        try:
            return service.submit(options)
        except (httpx.TransportError, RuntimeError):  # it is being restarted
            pause.wait(0.05)


def _sample(four: Four, seen: Seen, over: threading.Event) -> None:
    previous: tuple[Lease, ...] = ()
    while not over.wait(SAMPLE_SECONDS):
        leases = four.ledger.leases()
        held = four.held_bytes(leases)
        seen.samples += 1
        if sum(held.values()) > seen.peak_bytes:
            seen.peak_bytes = sum(held.values())
            seen.at_peak = {n: (b // MIB, _promised(leases, n)) for n, b in held.items()}
        seen.passed += _passed(previous, leases)
        known = {lease.pid for lease in previous if lease.loaded}
        seen.loads.update(x.model for x in leases if x.loaded and x.pid not in known)
        previous = leases


def _passed(before: tuple[Lease, ...], after: tuple[Lease, ...]) -> list[str]:
    """Turns on the GPU that were taken from an older ticket which had its memory already.

    Not where a still older one waits for memory: a job that holds it inherits its place.
    """
    was = {lease.model: lease for lease in before}
    now = time.monotonic()
    ready = [x for x in before if _stage(x) is Stage.GRANTED and not x.stale(now)]
    first = min((order(x) for x in before if _stage(x) is Stage.WAITING), default=(inf, "", 0))
    ready = [lease for lease in ready if order(lease) < first]
    return [
        f"{lease.model} went onto the GPU before {older.model}"
        for lease in after
        if _stage(lease) is Stage.ON_GPU and _stage(was.get(lease.model)) is not Stage.ON_GPU
        for older in ready
        if older in after and order(older) < order(lease)
    ]


def _promised(leases: tuple[Lease, ...], model: str) -> int:
    return next((lease.reserved_bytes // MIB for lease in leases if lease.model == model), 0)


def _stage(lease: Lease | None) -> Stage | None:
    return lease.ticket.stage if lease and lease.ticket else None


def _strike(
    four: Four, seen: Seen, over: threading.Event, jobs: int, chance: random.Random
) -> None:
    """Kill workers, stop them, and kill API processes, now and then; not for ever."""
    while seen.kills.total() < jobs // JOBS_PER_BLOW and not over.wait(chance.uniform(0.5, 2.0)):
        workers = four.workers()
        if not workers:
            continue
        name, worker = chance.choice(sorted(workers.items()))
        blow = chance.choices(["kill", "stop", "api"], (6, 2, 1))[0]
        with suppress(psutil.Error, ProcessLookupError):
            if blow == "api":
                four.services[name].kill()
                four.services[name].restart()
            else:
                os.kill(worker.pid, signal.SIGKILL if blow == "kill" else signal.SIGSTOP)
            seen.kills[blow] += 1


def _all_ended(four: Four) -> bool:
    with suppress(Exception):  # a service that is being restarted
        queues = [service.get("/queue/status") for service in four.services.values()]
        busy = ("queued", "waiting", "running", "cancelling")
        return not any(queue[name] for queue in queues for name in busy)
    return False


def _violations(four: Four, ids: dict[str, list[str]], seen: Seen) -> list[str]:
    found = list(seen.passed)
    if seen.peak_bytes > POOL_MB * MIB:
        found.append(f"the pool was exceeded: {seen.peak_bytes / MIB:.0f} MB of {POOL_MB}")
    for name, service in four.services.items():
        rows = {job["id"]: job for job in service.jobs()}
        found += [f"{name}: {job_id} is lost" for job_id in ids[name] if job_id not in rows]
        found += [f"{name}: a job {_why(job)}" for job in rows.values() if not _good(job)]
        ends = [job["finished_at"] for job in reversed(rows.values())]  # listed newest first
        if ends != sorted(ends):
            found.append(f"{name}: jobs did not end in their order")
    return found


def _good(job: dict[str, Any]) -> bool:
    return job["state"] in ENDED and job["state"] == "completed"


def _why(job: dict[str, Any]) -> str:
    return f"is {job['state']} after {job['attempts']} attempts: {job['error']}"


def _at_rest(four: Four) -> int:
    """Unload everything; what is left then."""
    for service in four.services.values():
        service.client.post("/unload")
    wait_until(lambda: not four.workers(), what="all workers leave")
    return _sum(four)


def _sum(four: Four) -> int:
    return sum(four.held_bytes(four.ledger.leases()).values())
