"""Brings deliveries to their receivers: a task of the API process."""

import asyncio
import itertools
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from common.base.errors import VideosDGXError
from common.base.logs import get_logger
from common.base.settings.webhooks import WebhookSettings
from common.jobs.outbox import Delivery, DeliveryState, receiver_of
from common.jobs.queue import JobQueue
from common.jobs.webhooks.post import Answer
from common.jobs.webhooks.schedule import after

log = get_logger("webhooks")

POLL_SECONDS = 0.5
"""Between looks at the outbox: one indexed read."""
LOOKS_BETWEEN_HASTES = 60
"""After so many, deliveries that a clock put back has moved far ahead are made due."""
MAX_AT_ONCE = 16
MAX_FOR_ONE_HOST = 2
"""A receiver that hangs takes these places, and leaves the others."""
SPARE_SECONDS = 5.0
"""Between the end of an attempt's patience and another try by somebody else."""


@dataclass(eq=False)
class Courier:
    """Claims what is due, tries it, and records what came of it."""

    queue: JobQueue
    post: Callable[[Delivery], Awaitable[Answer]]
    settings: WebhookSettings
    chance: Callable[[], float] = random.random
    _under_way: dict[asyncio.Task[None], str] = field(default_factory=dict)

    async def run(self) -> None:
        """Deliver until cancelled; what is under way then is tried again at the next start."""
        try:
            for looks in itertools.count():
                if looks % LOOKS_BETWEEN_HASTES == 0:
                    await self._guarded(self.queue.call(self.queue.store.hasten_deliveries))
                await self._guarded(self.begin_due())
                await asyncio.sleep(POLL_SECONDS)
        finally:
            for task in self._under_way:
                task.cancel()
            await self.settled()

    async def begin_due(self) -> int:
        """Begin every delivery that is due and has a place; answers how many."""
        begun = 0
        while len(self._under_way) < MAX_AT_ONCE:
            delivery = await self._claim()
            if delivery is None:
                break
            task = asyncio.create_task(self._guarded(self._deliver(delivery)))
            self._under_way[task] = receiver_of(delivery.url)
            task.add_done_callback(self._under_way.pop)
            begun += 1
        return begun

    async def settled(self) -> None:
        """Wait for what is under way."""
        await asyncio.gather(*self._under_way, return_exceptions=True)

    async def _claim(self) -> Delivery | None:
        lease = self.settings.webhook_timeout_seconds + SPARE_SECONDS
        counts = Counter(self._under_way.values())
        busy = [host for host, count in counts.items() if count >= MAX_FOR_ONE_HOST]
        return await self.queue.call(self.queue.store.claim_delivery, lease, busy)

    async def _deliver(self, delivery: Delivery) -> None:
        answer = await self.post(delivery)
        told = after(delivery, answer, self.settings.webhook_waits, self.chance())
        await self.queue.call(self.queue.store.settle_delivery, told)
        level = log.info if told.state is DeliveryState.DELIVERED else log.warning
        outcome = {"status": answer.attempt.status, "error": answer.attempt.error}
        level("webhook", extra={"job_id": told.job, "state": told.state.value, **outcome})

    async def _guarded(self, work: Awaitable[object]) -> None:
        """Nothing that goes wrong here ends the task: the lease runs out, and it is tried again."""
        try:
            await work
        except VideosDGXError as exc:  # the database; it may answer again
            log.warning("webhooks wait", extra={"reason": exc.body.message})
        except Exception:
            log.exception("a webhook went wrong")
