"""What becomes of the jobs whose worker has ended with them."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from common.base.errors import StorageUnavailable
from common.base.logs import get_logger
from common.base.settings import Settings
from common.contract.messages import EXIT_CLEAN, EXIT_RESTART
from common.jobs.model import Job
from common.jobs.queue import JobQueue
from common.jobs.states import ENDED
from common.publishing.storage import Storage
from common.publishing.volumes import Volumes
from common.worker.supervision.watch import Verdict
from common.worker.supervision.worker_process import WorkerProcess, describe_exit

log = get_logger("supervisor")

Spawn = Callable[[], Awaitable[WorkerProcess]]


async def _well() -> StorageUnavailable | None:
    return None


@dataclass(frozen=True)
class Files:
    """The outputs of the jobs, as far as their supervisor needs to know."""

    discard: Callable[[str], None] = lambda _job_id: None
    """Removes what a job without a result has left."""
    is_finished: Callable[[str], bool] = lambda _job_id: False
    """Whether a job's files are published, and only its record is missing."""
    unwell: Callable[[], Awaitable[StorageUnavailable | None]] = _well
    """What is wrong with the volumes now."""


def files_of(storage: Storage, volumes: Volumes) -> Files:
    """The real ones."""
    return Files(storage.remove, storage.is_finished, volumes.now_unwell)


def when_well(spawn: Spawn, volumes: Volumes) -> Spawn:
    """Start no worker while a volume is unwell: its jobs are held. Raises StorageUnavailable."""

    async def spawned() -> WorkerProcess:
        await volumes.check_now()
        return await spawn()

    return spawned


def verdict_on(code: int) -> Verdict:
    """What a worker's own exit code says of the jobs that it held."""
    return Verdict(describe_exit(code), blame=code not in (EXIT_CLEAN, EXIT_RESTART))


async def judged(verdict: Verdict, files: Files) -> Verdict:
    """A volume that is unwell when a worker ends takes the blame: it hung there, or died of it."""
    if verdict.blame and (error := await files.unwell()) is not None:
        return Verdict(error.body.message, blame=False)
    return verdict


async def take_all_back(
    queue: JobQueue, settings: Settings, verdict: Verdict, files: Files
) -> None:
    """All that this service's last worker held."""
    for job in await queue.read(queue.store.claimed, settings.worker_id()):
        await take_back(queue, settings, job, verdict, files)


async def take_back(
    queue: JobQueue, settings: Settings, job: Job, verdict: Verdict, files: Files
) -> None:
    """Queue it again, or fail it when it is to blame for the last time; see ``Verdict.blame``.

    A job whose files are published has no part in how its worker ended.
    """
    if verdict.blame and not await asyncio.to_thread(files.is_finished, job.id):
        state = await queue.call(queue.store.expel, job, verdict.reason, settings.max_attempts)
    else:
        state = await queue.call(queue.store.release, job.id, job.token or "")
    log.info("job taken back", extra={"job_id": job.id, "state": state})
    if state in ENDED:  # the worker may have died while it wrote, or before it recorded
        with contextlib.suppress(OSError, StorageUnavailable):  # the next start sweeps what stays
            await asyncio.to_thread(files.discard, job.id)
