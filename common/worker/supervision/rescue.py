"""Jobs of workers on other machines that show no life any more are taken back, on a timer."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from common.base.errors import VideosDGXError
from common.base.logs import get_logger
from common.base.settings import Settings
from common.jobs.queue import JobQueue
from common.jobs.repeats import is_held
from common.worker.supervision.take_back import Files, take_back
from common.worker.supervision.watch import Stalls, Verdict

log = get_logger("supervisor")


@dataclass(eq=False)
class Rescue:
    """Looks after the others' claims. ``files`` are the outputs of the jobs.

    ``wake`` is called when a job is there to be made; ``clock`` is monotonic.
    """

    queue: JobQueue
    settings: Settings
    wake: Callable[[], None]
    files: Files = field(default_factory=Files)
    clock: Callable[[], float] = time.monotonic
    _stalls: Stalls = field(init=False)

    def __post_init__(self) -> None:
        self._stalls = Stalls(self.settings.lease_seconds)

    async def run(self) -> None:
        """Look three times in a lease, until cancelled."""
        while True:
            try:
                await self.look()
            except VideosDGXError as exc:  # the database; it may answer again
                log.warning("no look at other machines' jobs", extra={"reason": exc.body.message})
            await asyncio.sleep(self.settings.lease_seconds / 3)

    async def look(self) -> int:
        """Take back what has stood still for a whole lease; answers how many jobs."""
        claimed = await self.queue.read(self.queue.store.claimed)
        mine = self.settings.worker_id()
        others = [job for job in claimed if job.worker != mine]
        stalled = self._stalls.among(others, self.clock())
        for job in stalled:  # nobody has worked on one that is held for the request cache
            verdict = Verdict("its worker shows no life any more", blame=not is_held(job))
            await take_back(self.queue, self.settings, job, verdict, self.files)
        if stalled:
            self.wake()
        return len(stalled)
