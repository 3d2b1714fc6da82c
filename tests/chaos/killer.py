"""Strikes the service in every way, one after the other, at moments that nobody chose."""

from collections.abc import Iterator

import httpx

from tests.chaos.blows.base import Blow
from tests.chaos.ground import Ground
from tests.live import LiveService, wait_until

JOBS_PER_BLOW = 4
HEALED_SECONDS = 30.0
"""After whatever was done to it, the service says within this that it is ready."""
NOTHING_TO_HIT = 5
"""Times that a blow may find nothing to hit before the next one is drawn."""


class Killer:
    """The only one who kills and restarts."""

    def __init__(self, ground: Ground, deck: Iterator[Blow]) -> None:
        self._ground = ground
        self._deck = deck

    def run(self, most: int) -> None:
        """Strike ``most`` times; some jobs more may be sent at each blow."""
        for _ in range(most):
            self._blow(next(self._deck))

    def _blow(self, blow: Blow) -> None:
        ground = self._ground
        ground.ledger.due.release(JOBS_PER_BLOW // 2)
        for _ in range(NOTHING_TO_HIT):
            ground.wait(ground.chance.uniform(0.1, 1.5))
            if self._struck(blow):
                ground.ledger.blows[blow.name] += 1
                break
        else:
            ground.ledger.due.release(JOBS_PER_BLOW - JOBS_PER_BLOW // 2)

    def _struck(self, blow: Blow) -> bool:
        """Strike and heal; what a service does not survive is noted, and it is started again."""
        ground = self._ground
        ground.ledger.tell(blow.name)
        try:
            try:
                seconds = blow.strike()
                if seconds is not None:
                    ground.ledger.due.release(JOBS_PER_BLOW - JOBS_PER_BLOW // 2)
                    ground.wait(seconds)
            finally:
                blow.heal()
            self._recovered(blow)
        except AssertionError as exc:
            ground.ledger.wrong(f"{blow.name}: {exc}")
            self._start_again()
            return True
        return seconds is not None

    def _recovered(self, blow: Blow) -> None:
        service = self._ground.service
        assert service.running, f"the service ended by itself, with {service.process.poll()}"
        if (why := until_ready(service)) is not None:
            self._ground.ledger.wrong(f"{blow.name}: not ready {HEALED_SECONDS:.0f} s later: {why}")

    def _start_again(self) -> None:
        ledger, service = self._ground.ledger, self._ground.service
        ledger.blind += 1  # its worker is ended too, whatever it holds
        with ledger.absent():
            service.close()
            service.restart()


def until_ready(service: LiveService) -> str | None:
    """Wait for it; what it says instead, if it does not come."""
    said = ["nothing"]

    def ready() -> bool:
        try:
            answer = service.client.get("/ready")
        except httpx.TransportError as exc:
            said[0] = repr(exc)
            return False
        said[0] = answer.text
        return answer.status_code == 200

    try:
        wait_until(ready, HEALED_SECONDS)
    except AssertionError:
        return said[0]
    return None


def idle(service: LiveService) -> bool:
    """Whether every job has ended."""
    try:
        answer = service.client.get("/queue/status")
    except httpx.TransportError:
        return False
    waits = ("queued", "waiting", "running", "cancelling")
    return answer.status_code == 200 and not any(answer.json()[name] for name in waits)
