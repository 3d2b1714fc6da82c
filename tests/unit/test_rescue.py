"""Claims of other machines: looked at on a timer, with the clock in the test's hands."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from common.base.settings import Settings
from common.contract import Phase
from common.jobs.database import sqlite_url
from common.jobs.model import Job, Progress
from common.jobs.queue import JobQueue
from common.jobs.repeats import is_held
from common.jobs.sql import SqlJobStore
from common.jobs.states import JobState
from common.kinds.video import VIDEO_KIND
from common.worker.supervision.rescue import Rescue
from common.worker.supervision.take_back import Files
from tests.contract.test_store import RESULT, new_job, submit

SETTINGS = Settings(_env_file=None, lease_seconds=30, worker_name="me")  # type: ignore[call-arg]


class Stage:
    """A store, and one service's rescue."""

    def __init__(self, folder: Path) -> None:
        self.now = 100.0
        self.woken = 0
        self.discarded: list[str] = []
        self.store = SqlJobStore(sqlite_url(folder / "jobs.db"), "toy", VIDEO_KIND)
        self.queue = JobQueue(self.store, 100)
        parts = (self.queue, SETTINGS, self._wake, Files(discard=self.discarded.append))
        self.rescue = Rescue(*parts, clock=lambda: self.now)

    def _wake(self) -> None:
        self.woken += 1

    def claimed(self, worker: str) -> Job:
        submit(self.store)
        job = self.store.claim(worker)
        assert job is not None
        return job

    async def look(self, after: float) -> int:
        self.now += after
        return await self.rescue.look()


def play(folder: Path, scene: Callable[[Stage], Awaitable[None]]) -> None:
    async def run() -> None:
        stage = Stage(folder)
        await scene(stage)
        stage.queue.close()

    asyncio.run(run())


def test_only_the_claims_of_others_that_stand_still_are_taken_back(tmp_path: Path):
    async def scene(stage: Stage) -> None:
        dead, mine, alive = (stage.claimed(name) for name in ("dead", "me", "alive"))
        for beat in range(5):
            progress = Progress(phase=Phase.DENOISING, step=beat)
            stage.store.heartbeat(alive.id, alive.token or "", progress)
            assert await stage.look(10) == (1 if beat == 4 else 0)
        assert stage.store.get(dead.id).state is JobState.QUEUED
        for job in (mine, alive):
            assert stage.store.get(job.id).token == job.token
        assert (stage.woken, stage.discarded) == (1, [])

    play(tmp_path, scene)


def test_what_is_held_for_the_request_cache_has_had_no_attempt(tmp_path: Path):
    """Its API process died before it gave it the files of another: it is made, by the last try."""

    async def scene(stage: Stage) -> None:
        stage.rescue.settings = SETTINGS.model_copy(update={"max_attempts": 1})
        submit(stage.store)
        made = stage.store.claim("me")
        assert made is not None
        like = RESULT.model_copy(update={"fingerprint": "f"})
        assert stage.store.complete(made.id, made.token or "", like)
        held = submit(stage.store, job=new_job().model_copy(update={"like": "f"}))
        assert is_held(held)
        for _ in range(5):
            await stage.look(10)
        kept = stage.store.get(held.id)
        assert (kept.state, kept.attempts) == (JobState.QUEUED, 0)

    play(tmp_path, scene)


def test_a_silence_in_which_nobody_could_look_proves_nothing(tmp_path: Path):
    async def scene(stage: Stage) -> None:
        job = stage.claimed("other")
        assert await stage.look(10) == 0
        assert await stage.look(3600) == 0, "we were stopped, or the database was"
        for _ in range(3):
            assert await stage.look(10) == 0
        assert await stage.look(10) == 1
        assert stage.store.get(job.id).state is JobState.QUEUED

    play(tmp_path, scene)


def test_a_job_that_is_cancelled_ends_with_its_worker(tmp_path: Path):
    async def scene(stage: Stage) -> None:
        job = stage.claimed("dead")
        stage.store.cancel(job.id)
        for _ in range(5):
            await stage.look(10)
        assert stage.store.get(job.id).state is JobState.CANCELLED
        assert stage.discarded == [job.id]

    play(tmp_path, scene)
