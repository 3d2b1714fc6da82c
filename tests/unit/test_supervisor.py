"""The supervisor's decisions, with workers that a test plays itself."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from pydantic import BaseModel

from common.base.settings import Settings
from common.contract import Phase
from common.contract.messages import (
    EXIT_RESTART,
    Cancel,
    JobLeft,
    JobProgress,
    Leave,
    Load,
    ModelState,
    ModelStatus,
    Progress,
    Report,
)
from common.jobs.database import sqlite_url
from common.jobs.model import Job
from common.jobs.queue import JobQueue
from common.jobs.sql import SqlJobStore
from common.jobs.states import Event, JobState
from common.kinds.video import VIDEO_KIND
from common.worker.supervision.supervisor import Supervisor
from tests.contract.test_store import RESULT, new_job, submit

SETTINGS = Settings(
    _env_file=None,  # type: ignore[call-arg]
    backoff_seconds=0.01,
    cancel_grace_seconds=10,
    kill_grace_seconds=5,
    drain_seconds=20,
    heartbeat_timeout_seconds=60,
)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class PlayedWorker:
    """A worker process whose every move is the test's. ``stubborn``: SIGTERM does nothing."""

    def __init__(self, *, stubborn: bool = False) -> None:
        self.pid = 4711
        self.told: list[BaseModel] = []
        self.signals: list[str] = []
        self._stubborn = stubborn
        self._says: asyncio.Queue[Report | None] = asyncio.Queue()
        self._code: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def send(self, message: BaseModel) -> None:
        self.told.append(message)

    async def reports(self) -> AsyncIterator[Report]:
        while (report := await self._says.get()) is not None:
            yield report

    def terminate(self) -> None:
        self.signals.append("SIGTERM")
        if not self._stubborn:
            self.exit(0)

    def kill(self) -> None:
        self.signals.append("SIGKILL")
        self.exit(-9)

    async def wait(self) -> int:
        return await self._code

    def say(self, report: Report) -> None:
        self._says.put_nowait(report)

    def exit(self, code: int) -> None:
        self._says.put_nowait(None)
        self._code.set_result(code)


class Stage:
    """A supervisor over a real store, and the workers that it starts, in order."""

    def __init__(self, folder: Path, *, stubborn: bool = False) -> None:
        self.clock = Clock()
        self.conceived, self.born = asyncio.Event(), asyncio.Event()
        self.born.set()
        self.store = SqlJobStore(sqlite_url(folder / "jobs.db"), "toy", VIDEO_KIND)
        self.queue = JobQueue(self.store, 100)
        self.workers: list[PlayedWorker] = []
        self._stubborn = stubborn
        self.supervisor = Supervisor(self.spawn, self.queue, SETTINGS, self.clock)

    async def spawn(self) -> PlayedWorker:
        self.conceived.set()
        await self.born.wait()
        self.workers.append(PlayedWorker(stubborn=self._stubborn))
        return self.workers[-1]

    async def submit(self) -> Job:
        job = await self.queue.submit(new_job())
        self.supervisor.wake()
        return job

    def running(self) -> Job:
        job = self.store.claim("local")
        assert job is not None
        assert job.token is not None
        self.store.advance(job.id, job.token, Event.RUN)
        return job

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not condition():  # noqa: ASYNC110  # the supervisor has no event for us
                await asyncio.sleep(0.005)


Scene = Callable[[Stage], Awaitable[None]]


def play(folder: Path, scene: Scene, *, stubborn: bool = False) -> Stage:
    """Run a scene with the supervisor running, then let the supervisor end."""

    async def run() -> Stage:
        stage = Stage(folder, stubborn=stubborn)
        task = asyncio.create_task(stage.supervisor.run())
        await scene(stage)
        await stage.supervisor.stop()
        if stage.supervisor.worker_pid:
            stage.workers[-1].exit(0)
        await task
        stage.queue.close()
        return stage

    return asyncio.run(run())


def test_no_work_no_worker(tmp_path: Path):
    async def scene(stage: Stage) -> None:
        await asyncio.sleep(0)
        assert stage.workers == []

    play(tmp_path, scene)


def test_work_starts_a_worker_and_more_work_wakes_it(tmp_path: Path):
    async def scene(stage: Stage) -> None:
        await stage.submit()
        await stage.until(lambda: stage.supervisor.worker_pid is not None)
        told = stage.workers[0].told
        before = len(told)  # one, or two where the worker was there before the first wake-up
        await stage.submit()
        assert [type(message).__name__ for message in told[before:]] == ["Wake"]
        for _ in range(2):
            job = stage.running()
            stage.store.complete(job.id, job.token or "", RESULT)

    assert len(play(tmp_path, scene).workers) == 1


def test_work_that_was_left_by_an_earlier_process_starts_a_worker(tmp_path: Path):
    store = SqlJobStore(sqlite_url(tmp_path / "jobs.db"), "toy", VIDEO_KIND)
    job = submit(store)
    store.claim("local")
    store.close()

    async def scene(stage: Stage) -> None:
        await stage.until(lambda: len(stage.workers) == 1)
        stage.workers[0].exit(-9)
        await stage.until(lambda: stage.store.get(job.id).state is JobState.QUEUED)
        stage.store.cancel(job.id)

    play(tmp_path, scene)


def test_a_killed_workers_job_is_queued_again_and_a_third_death_fails_it(tmp_path: Path):
    async def scene(stage: Stage) -> None:
        job = await stage.submit()
        for attempt in (1, 2, 3):
            await stage.until(lambda n=attempt: len(stage.workers) == n)  # type: ignore[misc]
            stage.running()
            stage.workers[-1].exit(-9)
        await stage.until(lambda: stage.store.get(job.id).ended)
        failed = stage.store.get(job.id)
        assert failed.state is JobState.FAILED
        assert failed.error is not None
        assert "SIGKILL" in failed.error.message
        assert stage.supervisor.crashes == 3

    play(tmp_path, scene)


def test_a_finished_job_ends_a_series_of_crashes(tmp_path: Path):
    async def scene(stage: Stage) -> None:
        await stage.submit()
        await stage.until(lambda: len(stage.workers) == 1)
        stage.workers[0].exit(1)
        await stage.until(lambda: len(stage.workers) == 2)
        assert stage.supervisor.crashes == 1
        job = stage.running()
        stage.store.complete(job.id, job.token or "", RESULT)
        stage.workers[1].say(JobLeft(job_id=job.id))
        await stage.until(lambda: stage.supervisor.crashes == 0)

    play(tmp_path, scene)


def test_a_cancel_of_a_job_that_another_holds_is_no_word_to_the_worker(tmp_path: Path):
    """It could not let go of it, and would be stopped for that."""

    async def scene(stage: Stage) -> None:
        await stage.submit()
        await stage.until(lambda: len(stage.workers) == 1)
        stage.running()
        await stage.submit()
        other = stage.store.claim("another")
        assert other is not None
        stage.supervisor.cancel(stage.store.cancel(other.id))
        assert Cancel(job_id=other.id) not in stage.workers[0].told

    play(tmp_path, scene)


def test_a_cancel_is_told_then_enforced_by_term_then_by_kill(tmp_path: Path):
    async def scene(stage: Stage) -> None:
        job = await stage.submit()
        await stage.until(lambda: len(stage.workers) == 1)
        stage.running()
        stage.supervisor.cancel(stage.store.cancel(job.id))
        worker = stage.workers[0]
        assert Cancel(job_id=job.id) in worker.told
        assert worker.signals == []
        stage.clock.now += SETTINGS.cancel_grace_seconds
        await stage.until(lambda: worker.signals == ["SIGTERM"])
        stage.clock.now += SETTINGS.kill_grace_seconds
        await stage.until(lambda: worker.signals == ["SIGTERM", "SIGKILL"])
        await stage.until(lambda: stage.store.get(job.id).state is JobState.CANCELLED)
        assert stage.supervisor.crashes == 0

    play(tmp_path, scene, stubborn=True)


def test_a_forced_unload_gives_the_attempt_back(tmp_path: Path):
    async def scene(stage: Stage) -> None:
        job = await stage.submit()
        await stage.until(lambda: len(stage.workers) == 1)
        stage.running()
        stage.supervisor.unload(force=True)
        await stage.until(lambda: stage.store.get(job.id).state is JobState.QUEUED)
        assert stage.store.get(job.id).attempts == 0
        await stage.until(lambda: len(stage.workers) == 2)
        stage.store.cancel(job.id)

    play(tmp_path, scene)


def test_a_silent_worker_is_killed_and_blamed(tmp_path: Path):
    async def scene(stage: Stage) -> None:
        job = await stage.submit()
        await stage.until(lambda: len(stage.workers) == 1)
        stage.running()
        stage.clock.now += SETTINGS.heartbeat_timeout_seconds + 1
        await stage.until(lambda: stage.store.get(job.id).state is JobState.QUEUED)
        assert stage.store.get(job.id).attempts == 1
        stage.store.cancel(job.id)

    play(tmp_path, scene)


def test_stopping_drains_within_a_bound(tmp_path: Path):
    async def scene(stage: Stage) -> None:
        job = await stage.submit()
        await stage.until(lambda: len(stage.workers) == 1)
        stage.running()
        worker = stage.workers[0]
        await stage.supervisor.stop()
        assert Leave() in worker.told
        assert worker.signals == []
        stage.clock.now += SETTINGS.drain_seconds
        await stage.until(lambda: worker.signals == ["SIGTERM"])
        await stage.until(lambda: stage.store.get(job.id).state is JobState.QUEUED)
        assert stage.store.get(job.id).attempts == 0

    assert len(play(tmp_path, scene).workers) == 1


def test_a_worker_that_is_born_while_the_service_stops_is_told_to_leave(tmp_path: Path):
    async def scene(stage: Stage) -> None:
        stage.born.clear()
        await stage.submit()
        await stage.conceived.wait()
        await stage.supervisor.stop()
        stage.born.set()
        await stage.until(lambda: bool(stage.workers) and Leave() in stage.workers[0].told)
        stage.store.cancel(stage.store.page().jobs[0].id)

    play(tmp_path, scene)


def test_a_worker_that_could_not_record_is_not_blamed(tmp_path: Path):
    async def scene(stage: Stage) -> None:
        job = await stage.submit()
        await stage.until(lambda: len(stage.workers) == 1)
        stage.running()
        stage.workers[0].exit(EXIT_RESTART)
        await stage.until(lambda: stage.store.get(job.id).state is JobState.QUEUED)
        assert stage.store.get(job.id).attempts == 0
        stage.store.cancel(job.id)

    play(tmp_path, scene)


def test_warming_needs_no_job_and_is_told_to_the_worker(tmp_path: Path):
    async def scene(stage: Stage) -> None:
        stage.supervisor.load()
        await stage.until(lambda: len(stage.workers) == 1)
        await stage.until(lambda: Load() in stage.workers[0].told)
        loaded = ModelStatus(state=ModelState.LOADED, checkpoint="a/b", revision="r")
        stage.workers[0].say(loaded)
        await stage.until(lambda: stage.supervisor.model == loaded)

    play(tmp_path, scene)


def test_what_the_worker_says_is_what_clients_see(tmp_path: Path):
    async def scene(stage: Stage) -> None:
        job = await stage.submit()
        await stage.until(lambda: len(stage.workers) == 1)
        stage.running()
        denoising = Progress(phase=Phase.DENOISING, step=3, steps=9)
        stage.workers[0].say(JobProgress(job_id=job.id, progress=denoising))
        await stage.until(lambda: job.id in stage.supervisor.live)
        assert stage.supervisor.live[job.id].step == 3
        stage.workers[0].say(JobLeft(job_id=job.id))
        await stage.until(lambda: stage.supervisor.live == {})
        stage.store.cancel(job.id)
        stage.workers[0].exit(0)
        await stage.until(lambda: stage.store.get(job.id).state is JobState.CANCELLED)

    play(tmp_path, scene)


@pytest.mark.parametrize("code", [1, -11, 75])
def test_a_crash_is_told_from_a_clean_exit(tmp_path: Path, code: int):
    async def scene(stage: Stage) -> None:
        await stage.submit()
        await stage.until(lambda: len(stage.workers) == 1)
        stage.workers[0].exit(code)
        await stage.until(lambda: stage.supervisor.crashes == 1)
        await stage.until(lambda: len(stage.workers) == 2)
        stage.store.cancel(stage.store.page().jobs[0].id)

    play(tmp_path, scene)
