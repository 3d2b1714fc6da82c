"""What a worker did with each job, and from when to when: the phases of a trace."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from common.base.errors import VideosDGXError
from common.base.logs import get_logger
from common.contract.messages import JobLeft, JobProgress, Progress, Report
from common.jobs.queue import JobQueue
from common.telemetry.tracing import Stretch, Tracing

log = get_logger("tracing")


@dataclass
class JobStories:
    """One worker's life. ``clock`` is in seconds since the epoch."""

    queue: JobQueue
    tracing: Tracing
    clock: Callable[[], float] = time.time
    _stories: dict[str, list[Stretch]] = field(default_factory=dict)
    _telling: set[asyncio.Task[None]] = field(default_factory=set)

    def heard(self, report: Report) -> None:
        """Note when a phase begins; tell the whole story when the job is left."""
        if isinstance(report, JobProgress):
            self._moved(self._stories.setdefault(report.job_id, []), _name(report.progress))
        elif isinstance(report, JobLeft):
            self._left(report.job_id)

    def ended(self) -> None:
        """The worker is gone, and says no more about what it had begun."""
        for job_id in list(self._stories):
            self._left(job_id)

    def _moved(self, story: list[Stretch], name: str) -> None:
        now = self.clock()
        if story and story[-1].name == name:
            return
        self._close(story, now)
        story.append(Stretch(name, now, now))

    def _close(self, story: list[Stretch], now: float) -> None:
        if story:
            story[-1] = replace(story[-1], ended=max(now, story[-1].began))

    def _left(self, job_id: str) -> None:
        story = self._stories.pop(job_id, [])
        if story:
            self._close(story, self.clock())
            task = asyncio.create_task(self._tell(job_id, story))
            self._telling.add(task)
            task.add_done_callback(self._telling.discard)

    async def _tell(self, job_id: str, story: list[Stretch]) -> None:
        try:
            job = await self.queue.read(self.queue.store.get, job_id)
        except VideosDGXError as exc:  # removed meanwhile, or the database is away
            log.info("no trace of a job", extra={"job_id": job_id, "reason": exc.body.message})
            return
        if job.attempts <= 1 and job.created_at < story[0].began:
            story.insert(0, Stretch("queued", job.created_at, story[0].began))
        self.tracing.job(job, story)


def _name(progress: Progress) -> str:
    if progress.waiting_for is not None or progress.phase is None:
        return "waiting"
    return progress.phase.value
