"""One run: a service, a client that sends and cancels, a killer, and the account at the end."""

import random
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tests.chaos.asking import HEALTHY, LOOKS, READABLE, look_around
from tests.chaos.blows import NAMES, blows_of
from tests.chaos.blows.clocks import HEARTBEAT_TIMEOUT_SECONDS
from tests.chaos.check import violations, violations_at_rest
from tests.chaos.client import Client
from tests.chaos.ground import Ground
from tests.chaos.killer import JOBS_PER_BLOW, Killer, idle
from tests.chaos.ledger import Ledger
from tests.chaos.plan import deck, tasks
from tests.chaos.table import Table
from tests.chaos.volume import Volume, mountable
from tests.chaos.watcher import Watcher
from tests.clocks import HAS_COMPILER, WallClock
from tests.live import LiveService, wait_until
from tests.postgres import PostgresServer, started

DRAIN_SECONDS = 90.0
"""After the last blow every job ends within this."""
WATCHERS = 3
RESERVE_GB = 0.004
"""Of volumes of 48 MB. Without a reserve nobody could tell a disk that others have filled from one
that a job alone has."""


@dataclass(frozen=True)
class Account:
    """What happened, and what should not have."""

    seed: int
    ledger: Ledger
    outcomes: Counter[tuple[str, str]]
    """Jobs by kind and end."""
    seconds: float
    left_out: list[str]
    """Blows that were asked for, and that this machine cannot do."""
    violations: list[str]
    log: str

    def table(self) -> str:
        """For people."""
        ledger = self.ledger
        rows = [
            f"{kind:<10} {state:<10} {n:>5}" for (kind, state), n in sorted(self.outcomes.items())
        ]
        blows = ", ".join(f"{name} {count}" for name, count in sorted(ledger.blows.items()))
        answers = ", ".join(f"{n} x {status}" for status, n in sorted(ledger.answers.items()))
        return "\n".join(
            [
                f"seed {self.seed}: {len(ledger.kinds)} jobs, sent until {len(ledger.accepted)} "
                f"were accepted and {ledger.replays} once more ({answers}; 0 is no answer), "
                f"{len(ledger.cancels)} cancels, {self.seconds:.0f} s",
                f"{ledger.blows.total()} blows: {blows}",
                f"{sum(ledger.hits.values())} of them hit a job, {ledger.blind} in mid-commit",
                *([f"not here: {', '.join(self.left_out)}"] if self.left_out else []),
                *rows,
                *(f"VIOLATION {text}" for text in self.violations),
            ]
        )

    def story(self) -> str:
        """Every blow in its order, and the end of the service's log."""
        return "\n".join([*self.ledger.story, self.log])


def run(
    jobs: int, seed: int, names: Sequence[str] = NAMES, *, with_postgres: bool = False
) -> Account:
    """Let ``jobs`` jobs live through blows of these names, a blow for every few jobs."""
    with ExitStack() as stack:
        ground = stack.enter_context(_ground(seed, with_postgres))
        return _run(ground, jobs, seed, names)


@contextmanager
def _ground(seed: int, with_postgres: bool) -> Iterator[Ground]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="chaos-")))
        volumes = {}
        if kind := mountable():
            for name in ("state", "outputs"):
                volumes[name] = volume = Volume(folder / name, kind)
                volume.mount()
                stack.callback(volume.close)
        server = stack.enter_context(started()) if with_postgres else None
        wall = WallClock(folder) if HAS_COMPILER else None
        service = _service(folder, server, wall)
        stack.callback(service.close)
        service.start()
        table = Table(service, server.url if server else None)
        chance = random.Random(f"{seed} blows")
        yield Ground(service, Ledger(), chance, table, volumes, server, wall)


def _service(folder: Path, server: PostgresServer | None, wall: WallClock | None) -> LiveService:
    settings: dict[str, Any] = {"database_url": server.url} if server else {}
    settings |= wall.settings if wall else {}
    settings |= {"heartbeat_timeout_seconds": HEARTBEAT_TIMEOUT_SECONDS}
    return LiveService(folder, max_queue=25, min_free_disk_gb=RESERVE_GB, **settings).by_exec()


def _run(ground: Ground, jobs: int, seed: int, names: Sequence[str]) -> Account:
    service, ledger, plan = ground.service, ground.ledger, tasks(jobs, random.Random(seed))
    asked = [blow for blow in blows_of(ground) if blow.name in names]
    able = [blow for blow in asked if blow.can()]
    killer = Killer(ground, deck(able, random.Random(f"{seed} deck")))
    with ThreadPoolExecutor(3 + WATCHERS) as threads:
        sending = threads.submit(Client(service.url, ledger).run, plan)
        looking = [
            threads.submit(look_around, service.url, ledger, ("/health",), HEALTHY),
            threads.submit(look_around, service.url, ledger, LOOKS, READABLE),
            *(threads.submit(Watcher(service.url, ledger).run) for _ in range(WATCHERS)),
        ]
        try:
            killer.run(jobs // JOBS_PER_BLOW if able else 0)
            ledger.due.release(jobs)
            ledger.tell("that was the last blow")
            sending.result()
            _wait_idle(ground)
            ledger.tell("every job has ended")
        finally:
            ledger.due.release(jobs)
            ledger.over.set()
        for future in looking:
            future.result()
    ledger.tell("nobody watches any more")
    found = ledger.violations() + violations(ground)
    ends = _outcomes(service, ledger)
    service.stop()
    found += violations_at_rest(ground)
    left_out = [blow.name for blow in asked if blow not in able]
    return Account(seed, ledger, ends, ledger.seconds, left_out, found, service.log(400))


def _wait_idle(ground: Ground) -> None:
    try:
        wait_until(partial(idle, ground.service), DRAIN_SECONDS, "every job ends")
    except AssertionError as exc:
        ground.ledger.wrong(str(exc))


def _outcomes(service: LiveService, ledger: Ledger) -> Counter[tuple[str, str]]:
    tags = {job_id: tag for tag, job_id in ledger.accepted.items()}
    found = ((tags.get(job["id"], ""), job["state"]) for job in service.jobs())
    return Counter((str(ledger.kinds.get(tag, "unknown")), state) for tag, state in found)
