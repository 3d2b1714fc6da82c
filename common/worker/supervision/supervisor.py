"""Keeps one worker process for as long as there is work: starts, wakes, watches and ends it."""

import asyncio
import contextlib
import time
from collections.abc import Callable

from common.base.errors import VideosDGXError
from common.base.logs import get_logger
from common.base.settings import Settings
from common.contract.messages import (
    EXIT_CLEAN,
    Beat,
    Cancel,
    JobLeft,
    JobProgress,
    Leave,
    Load,
    ModelState,
    ModelStatus,
    Report,
    Unload,
    Wake,
)
from common.jobs.model import Job, Progress
from common.jobs.queue import JobQueue
from common.jobs.states import JobState
from common.worker.supervision.take_back import Files, Spawn, judged, take_all_back, verdict_on
from common.worker.supervision.watch import Verdict, Watch
from common.worker.supervision.worker_life import WorkerLife
from common.worker.supervision.worker_process import WorkerProcess

log = get_logger("supervisor")

TICK_SECONDS = 0.2
MAX_BACKOFF_SECONDS = 60.0


class Supervisor:
    """One service's worker, seen from the API process.

    ``model``, ``live`` and ``worker_rss_bytes`` are what the worker said last.
    """

    def __init__(
        self,
        spawn: Spawn,
        queue: JobQueue,
        settings: Settings,
        clock: Callable[[], float] = time.monotonic,
        files: Files | None = None,
        evicted: Callable[[int], bool] = lambda _pid: False,
        may_work: Callable[[], bool] = lambda: True,
    ) -> None:
        """``files``: of the jobs, for when a worker has ended with them.

        ``evicted``: whether a worker, by its pid, has been asked to make room.
        ``may_work``: not while another service has this one's name; its claims are under it.
        """
        self._may_work = may_work
        self._files = files or Files()
        self._evicted = evicted
        self._spawn = spawn
        self._queue = queue
        self._settings = settings
        self._clock = clock
        self._life: WorkerLife | None = None
        self.owed: Verdict | None = None
        """On a worker that has ended and whose jobs are not taken back yet."""
        self._load_wanted = False
        self._news = asyncio.Event()
        self._stopping = asyncio.Event()
        self.crashes = 0
        """Workers that died in a row without finishing a job."""
        self.model = ModelStatus(state=ModelState.UNLOADED)
        self.live: dict[str, Progress] = {}
        self.worker_rss_bytes: int | None = None

    @property
    def worker_pid(self) -> int | None:
        """The worker's process id, while there is one."""
        return self._life.worker.pid if self._life else None

    async def run(self) -> None:
        """Serve until ``stop``: whenever there is work and no worker, start one.

        What is not foreseen ends it, and no worker is left alone then; it can be run again.
        """
        while not self._stopping.is_set():
            try:
                if self._may_work() and (self._load_wanted or await self._has_work()):
                    await self._settle()
                    await self._one_life()
                else:
                    await self._rest()
            except VideosDGXError as exc:  # the database; it may answer again
                if not exc.told:
                    log.warning("supervisor waits", extra={"reason": exc.body.message})
                await _wait(self._stopping, self._settings.backoff_seconds)

    async def stop(self) -> None:
        """Drain: the running job may end within ``DRAIN_SECONDS``, else it is queued again."""
        self._stopping.set()
        self._news.set()
        self._drain()

    def wake(self) -> None:
        """Work has come."""
        self._news.set()
        if self._life:
            self._life.worker.send(Wake())

    def load(self) -> None:
        """Bring the model into memory without a job."""
        self._load_wanted = True
        self._news.set()
        if self._life:
            self._life.worker.send(Load())

    def unload(self, *, force: bool) -> None:
        """Let the worker exit once its queue is empty; ``force``: now, its job is queued again."""
        self._load_wanted = False
        if self._life:
            self._life.worker.send(Unload())
            if force:
                self._life.watch.leave_by = self._clock()

    def cancel(self, job: Job) -> None:
        """Tell the worker that a job is being cancelled, and give it until the grace ends."""
        ours = job.worker == self._settings.worker_id()
        if job.state is JobState.CANCELLING and ours and self._life:
            self._life.worker.send(Cancel(job_id=job.id))
            self._life.watch.cancel(job.id, self._clock())

    def shoot(self, reason: str) -> None:
        """End the worker at once, for the machine's sake; its job goes back to the queue."""
        if self._life:
            self._life.shoot(reason)

    def _drain(self) -> None:
        if self._life:
            self._life.worker.send(Leave())
            self._life.watch.leave_by = self._clock() + self._settings.drain_seconds

    async def _has_work(self) -> bool:
        return await self._queue.read(self._queue.store.has_work, self._settings.worker_id())

    async def _rest(self) -> None:
        """Sleep until something happens; jobs that other machines left are seen in time too."""
        await _wait(self._news, self._settings.lease_seconds / 3)
        self._news.clear()

    async def _one_life(self) -> None:
        await self._back_off()
        if self._stopping.is_set():
            return
        worker = await self._spawn()
        now = self._clock()
        watch = Watch(self._settings, last_beat=now, last_progress=now)
        life = self._life = WorkerLife(worker, watch, self._settings.kill_grace_seconds)
        worker.send(Load() if self._load_wanted else Wake())
        log.info("worker started", extra={"pid": worker.pid})
        if self._stopping.is_set():  # stop came while it was being started, and met no worker
            self._drain()
        try:
            code = await self._watched(life)
        except BaseException:
            worker.kill()  # nobody would watch over it
            raise
        finally:
            self._forget_worker()
        await self._after(code, life.verdict)

    async def _watched(self, life: WorkerLife) -> int:
        worker = life.worker
        async with asyncio.TaskGroup() as tasks:  # what fails in one ends the others
            tasks.create_task(self._listen(worker, life.watch))
            ended = tasks.create_task(worker.wait())
            while not ended.done():
                await asyncio.wait({ended}, timeout=TICK_SECONDS)
                life.enforce(self._clock(), self._evicted)
        return ended.result()

    async def _listen(self, worker: WorkerProcess, watch: Watch) -> None:
        async for report in worker.reports():
            self._heard(report, watch)

    def _heard(self, report: Report, watch: Watch) -> None:
        now = self._clock()
        watch.beat(now)
        if isinstance(report, JobProgress):
            watch.progress(report.progress.phase, now)
            watch.left.discard(report.job_id)
            self.live[report.job_id] = report.progress
        elif isinstance(report, JobLeft):
            self.live.pop(report.job_id, None)
            watch.job_left(report.job_id, others=bool(self.live))
            self.crashes = 0
        elif isinstance(report, ModelStatus):
            self.model = report
            # Loaded, or given up: another try would end the same way.
            self._load_wanted = self._load_wanted and report.state is ModelState.LOADING
        elif isinstance(report, Beat):
            self.worker_rss_bytes = report.rss_bytes

    def _forget_worker(self) -> None:
        self._life = self.worker_rss_bytes = None
        self.model = ModelStatus(state=ModelState.UNLOADED)
        self.live.clear()

    async def _after(self, code: int, ours: Verdict | None) -> None:
        """Judge how the worker ended; ``ours`` where we ended it."""
        verdict = ours or verdict_on(code)
        clean = code == EXIT_CLEAN or (ours is not None and not verdict.blame)
        self.crashes = 0 if clean else self.crashes + 1
        level = log.info if clean else log.warning
        level("worker ended", extra={"code": code, "reason": verdict.reason})
        self.owed = await judged(verdict, self._files)
        await self._settle()

    async def _settle(self) -> None:
        """Take back what the last worker held; as soon as the database answers."""
        if self.owed is not None and self._may_work():
            await take_all_back(self._queue, self._settings, self.owed, self._files)
            self.owed = None

    async def _back_off(self) -> None:
        """Wait before the next try, longer each time; the first crash costs nothing."""
        if self.crashes < 2:
            return
        seconds = self._settings.backoff_seconds * 2 ** min(self.crashes - 2, 10)
        await _wait(self._stopping, min(seconds, MAX_BACKOFF_SECONDS))


async def _wait(event: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
