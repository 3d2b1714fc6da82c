"""What becomes of a job whose worker has ended with it."""

import asyncio
import contextlib
from collections.abc import Callable

from common.api.watch import Verdict
from common.jobs.model import Job
from common.jobs.queue import JobQueue
from common.jobs.states import ENDED
from common.logs import get_logger
from common.settings import Settings

log = get_logger("supervisor")


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
