"""One run: a service, a client that sends and cancels, a killer, and the account at the end."""

import random
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.check import violations, violations_at_rest
from tests.chaos.client import Client
from tests.chaos.killer import Killer, idle
from tests.chaos.ledger import Ledger
from tests.chaos.plan import tasks
from tests.live import LiveService, wait_until

JOBS_PER_BLOW = 4
DRAIN_SECONDS = 180.0


@dataclass(frozen=True)
class Account:
    """What happened, and what should not have."""

    seed: int
    ledger: Ledger
    outcomes: Counter[tuple[str, str]]
    """Jobs by kind and end."""
    seconds: float
    violations: list[str]
    log: str

    def table(self) -> str:
        """For people."""
        blows, ledger = self.ledger.blows, self.ledger
        rows = [
            f"{kind:<10} {state:<10} {n:>5}" for (kind, state), n in sorted(self.outcomes.items())
        ]
        sent, known = len(ledger.kinds), len(ledger.accepted)
        return "\n".join(
            [
                f"seed {self.seed}: {sent} jobs sent, {known} accepted, "
                f"{sent - known} answers lost, {len(ledger.cancels)} cancels, "
                f"{self.seconds:.0f} s",
                f"kills: worker {blows['worker']}, API {blows['api']}, both {blows['both']}; "
                f"{sum(ledger.hits.values())} hit a job, {ledger.blind} in mid-commit",
                *rows,
                *(f"VIOLATION {text}" for text in self.violations),
            ]
        )


def run(jobs: int, seed: int) -> Account:
    """Let ``jobs`` jobs live through it."""
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        service = LiveService(Path(folder), max_queue=25)
        try:
            return _run(service.start(), jobs, seed)
        finally:
            service.close()


def _outcomes(service: LiveService, ledger: Ledger) -> Counter[tuple[str, str]]:
    kinds: dict[str, str] = dict(ledger.kinds)
    found = ((job["resolved"]["prompt"], job["state"]) for job in service.jobs())
    return Counter((kinds.get(tag, "unknown"), state) for tag, state in found)


def _run(service: LiveService, jobs: int, seed: int) -> Account:
    chance, ledger, started = random.Random(seed), Ledger(), time.monotonic()
    plan = tasks(jobs, chance)
    killer = Killer(service, ledger, chance)
    with ThreadPoolExecutor(2) as both:
        sending = both.submit(Client(service.url, ledger).run, plan)
        killing = both.submit(killer.run, jobs // JOBS_PER_BLOW)
        sending.result()
        killing.result()
    wait_until(lambda: idle(service), DRAIN_SECONDS, "every job ends")
    found = violations(service, ledger)
    ends = _outcomes(service, ledger)
    service.stop()
    found += violations_at_rest(service, ledger)
    return Account(seed, ledger, ends, time.monotonic() - started, found, service.log(400))
