"""What becomes of the jobs of a worker that has ended."""

import asyncio
import contextlib
from collections.abc import Callable

from common.api.watch import Verdict
from common.api.worker_process import describe_exit
from common.jobs.model import Job
from common.jobs.queue import JobQueue
from common.jobs.states import ENDED
from common.logs import get_logger
from common.messages import EXIT_CLEAN, EXIT_RESTART
from common.settings import Settings

log = get_logger("supervisor")


def verdict_on(code: int) -> Verdict:
    """What a worker's own exit code says of the jobs that it held."""
    return Verdict(describe_exit(code), blame=code not in (EXIT_CLEAN, EXIT_RESTART))


async def take_all_back(
    queue: JobQueue, settings: Settings, verdict: Verdict, discard: Callable[[str], None]
) -> None:
    """All that this service's last worker held."""
    for job in await queue.read(queue.store.claimed, settings.worker_id()):
        await take_back(queue, settings, job, verdict, discard)


async def take_back(
    queue: JobQueue, settings: Settings, job: Job, verdict: Verdict, discard: Callable[[str], None]
) -> None:
    """Queue it again, or fail it when it is to blame for the last time; see ``Verdict.blame``."""
    if verdict.blame:
        state = await queue.call(queue.store.expel, job, verdict.reason, settings.max_attempts)
    else:
        state = await queue.call(queue.store.release, job.id, job.token or "")
    log.info("job taken back", extra={"job_id": job.id, "state": state})
    if state in ENDED:  # the worker may have died while it wrote, or before it recorded
        with contextlib.suppress(OSError):  # what stays is swept at the next start
            await asyncio.to_thread(discard, job.id)
