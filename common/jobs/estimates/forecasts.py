"""When jobs will be done: what the store and the worker say, put to the estimator.

One look at the line serves everybody for a second, however many watch.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from statistics import median

from common.contract import ModelSpec, Resolved, Work
from common.jobs.estimates.eta import Estimate, Run, estimate, relative_error
from common.jobs.estimates.line import Eta, Line, Mark, Place, line_up, settled
from common.jobs.estimates.views import EtaErrors, EtaView, eta_view
from common.jobs.model import Job, Progress
from common.jobs.queue import JobQueue
from common.jobs.schema import rank_of
from common.jobs.states import CLAIMED, JobState

LOOK_SECONDS = 1.0
"""A look at the line is good for so long, unless a job is known to have moved since."""
PAST_SECONDS = 30.0
"""Completed jobs are read again after so long, and whenever one left the line."""
PAST = 40
"""Completed jobs that are learnt from."""
PAGES = 10
"""So many times as many are looked at for them: where most came from the cache, fewer are found."""
LONGEST = 1000
"""Jobs further back than this get no estimate."""


class Forecasts:
    """The estimates of one service. Lives in the event loop."""

    def __init__(
        self,
        queue: JobQueue,
        spec: ModelSpec,
        checkpoint: Callable[[], str],
        live: Mapping[str, Progress],
        loaded: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """``checkpoint`` names the one that makes the next job; ``loaded``: is it in memory?

        ``live`` is what the worker said last, by job. Ages are told by ``clock``, which is
        monotonic; by ``wall``, in seconds since the epoch, only at what time an end will be.
        """
        self._queue = queue
        self._spec = spec
        self._checkpoint = checkpoint
        self._live = live
        self._loaded = loaded
        self._clock = clock
        self._wall = wall
        self._turn = asyncio.Lock()
        self._rows: tuple[Job, ...] = ()
        self._line: Line | None = None
        self._last = _FIRST
        self._at = self._said_at = 0.0
        self._read_at = self._past_at = float("-inf")
        self._runs: tuple[Run, ...] = ()
        self._errors = EtaErrors(jobs=0, median=None)
        self._known: dict[Work, Estimate | None] = {}
        self._views: dict[str, EtaView] = {}
        self._heard: dict[str, tuple[Progress, float]] = {}

    async def of(self, jobs: Sequence[Job]) -> dict[str, EtaView]:
        """The unfinished among ``jobs``, by id. One look at most, however many."""
        line = await self._look(jobs)
        return {
            job.id: self._view(line, job.id)
            for job in jobs
            if not job.ended and job.state is not JobState.CANCELLING
        }

    def _view(self, line: Line, job_id: str) -> EtaView:
        """Made once for each look at the line: hundreds of jobs may be watched."""
        view = self._views.get(job_id)
        if view is None:
            view = eta_view(line.etas.get(job_id), self._said_at, len(self._runs))
            self._views[job_id] = view
        return view

    async def of_request(self, request: Resolved) -> EtaView:
        """A job that is not queued: as if it came now."""
        line = await self._look()
        known, wait, eta = self._estimate(request), line.seconds, None
        if known is not None and wait is not None:
            run = known.working + (0.0 if self._loaded() or line.etas else known.loading)
            eta = Eta(wait, run, wait + run)
        return eta_view(eta, self._said_at, len(self._runs))

    async def working_seconds(self, request: Resolved) -> float | None:
        """Of a job once the model is loaded; what is kept with it, and compared at its end."""
        await self._look()
        known = self._estimate(request)
        return None if known is None else round(known.working, 3)

    async def wait_seconds(self) -> float | None:
        """Until a job that comes now would start."""
        return (await self._look()).seconds

    async def errors(self) -> EtaErrors:
        """How far the first estimates of the last jobs were off."""
        await self._look()
        return self._errors

    def joined(self, job: Job) -> None:
        """A job was accepted: it stands in line without another look at the store or at others."""
        if self._line is None or job.id in self._line.marks:
            return
        self._heard[job.id] = (job.progress, self._at)
        self._rows = (*self._rows, job)
        if _order(job) > self._last:
            self._line = self._line.joined(self._place(job, first=len(self._rows) == 1))
            self._last = _order(job)
        else:  # it overtakes
            self._line_up()

    def changed(self) -> None:
        """The line is another: it is looked at again before anything is said of it."""
        self._read_at = float("-inf")

    async def _look(self, jobs: Sequence[Job] = ()) -> Line:
        async with self._turn:
            if self._line is None or self._is_old(self._line, jobs):
                await self._read()
                self._line_up()
            assert self._line is not None  # noqa: S101  # _line_up sets it
            return self._line

    def _is_old(self, line: Line, jobs: Sequence[Job]) -> bool:
        """Because of its age, or because one of ``jobs`` is not what it was."""
        if self._clock() - self._read_at >= LOOK_SECONDS:
            return True
        whole = len(line.marks) < LONGEST
        return any(
            job.id in line.marks
            if job.ended
            else line.marks.get(job.id) != _mark(job) and (whole or job.id in line.marks)
            for job in jobs
        )

    async def _read(self) -> None:
        store, now = self._queue.store, self._clock()
        before = {job.id: job for job in self._rows}
        standing = await self._queue.read(store.standing, LONGEST)
        came = [one.id for one in standing if one.id not in before]
        known = before | (await self._queue.read(store.known, came) if came else {})
        rows = tuple(one.now(known[one.id]) for one in standing if one.id in known)
        gone = before.keys() - {job.id for job in rows}
        if gone or now - self._past_at >= PAST_SECONDS:
            await self._learn(await self._made())
            self._past_at = now
        self._rows, self._read_at = rows, now

    async def _made(self) -> list[Job]:
        """The last completed jobs that were worked on, the oldest first."""
        found, cursor = list[Job](), None
        for _ in range(PAGES):
            page = await self._queue.read(
                self._queue.store.page, states=(JobState.COMPLETED,), cursor=cursor, limit=PAST
            )
            found += [job for job in page.jobs if job.result and not job.result.cached_from]
            if len(found) >= PAST or (cursor := page.next_cursor) is None:
                break
        return sorted(found[:PAST], key=lambda job: job.number)

    async def _learn(self, done: Sequence[Job]) -> None:
        """From completed jobs, the oldest first."""
        checkpoint = await asyncio.to_thread(self._checkpoint)
        runs = [(job, self._run(job)) for job in done if job.result]
        errors = [relative_error(job.estimated, run) for job, run in runs if job.estimated]
        found = [error for error in errors if error is not None]
        self._errors = EtaErrors(jobs=len(found), median=median(found) if found else None)
        self._runs = tuple(
            run for job, run in runs if job.result and job.result.checkpoint == checkpoint
        )
        self._known.clear()

    def _line_up(self) -> None:
        self._at, self._said_at = self._clock(), self._wall()
        self._heard = {job.id: self._hear(job) for job in self._rows}
        ordered = sorted(self._rows, key=_order)
        self._last = _order(ordered[-1]) if ordered else _FIRST
        places = [self._place(job, first=index == 0) for index, job in enumerate(ordered)]
        self._line = settled(line_up(places), self._line)
        self._views.clear()

    def _hear(self, job: Job) -> tuple[Progress, float]:
        """What its worker said last, and when that was new here."""
        said = self._live.get(job.id, job.progress)
        before = self._heard.get(job.id)
        return before if before is not None and before[0] == said else (said, self._at)

    def _place(self, job: Job, *, first: bool) -> Place:
        known = self._estimate(job.resolved)
        if job.state is JobState.CANCELLING:
            return Place(job.id, _mark(job), 0.0, 0.0)
        if known is None:
            return Place(job.id, _mark(job), None, None)
        if job.state not in CLAIMED:
            seconds = known.working + (known.loading if first and not self._loaded() else 0.0)
            return Place(job.id, _mark(job), seconds, seconds)
        said, at = self._heard[job.id]
        since = max(0.0, self._at - at)
        left = known.left(said, since, loaded=self._loaded())
        spent = said.seconds_elapsed + since if said.phase else 0.0
        return Place(job.id, _mark(job), left, spent + left)

    def _estimate(self, request: Resolved) -> Estimate | None:
        work = self._work(request)
        if work not in self._known:
            self._known[work] = estimate(work, self._runs)
        return self._known[work]

    def _work(self, request: Resolved) -> Work:
        return self._spec.kind.work(request, self._spec.cost(request))

    def _run(self, job: Job) -> Run:
        assert job.result is not None  # noqa: S101  # the caller filtered
        return Run(self._work(job.resolved), job.result.timings)


_FIRST = (False, 0.0, 0)
"""Before all jobs, in their order."""


def _mark(job: Job) -> Mark:
    return job.state, job.started_at, job.place


def _order(job: Job) -> tuple[bool, float, int]:
    """The claimed first; then by rank, as ``JobStore.claim`` takes them."""
    return job.state not in CLAIMED, rank_of(job), job.number
