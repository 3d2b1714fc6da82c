"""Estimates from a real store: a history is replayed, and somebody watches all the time."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex

import pytest

from common.jobs.database import sqlite_url
from common.jobs.estimates.forecasts import LOOK_SECONDS, PAST, PAST_SECONDS, Forecasts
from common.jobs.estimates.views import EtaErrors, EtaView
from common.jobs.model import Job, NewJob, Progress, Standing
from common.jobs.queue import JobQueue
from common.jobs.sql import SqlJobStore
from common.jobs.states import UNFINISHED, Event
from common.kinds.video import VIDEO_KIND
from tests.contract.conftest import Clock
from tests.contract.test_store import RESULT
from tests.eta_machine import Machine, Play, random_request
from tests.toy.model_config import SPEC

CHECKPOINT = RESULT.checkpoint
Shown = dict[str, tuple[float, frozenset[tuple[str, str, float | None]]]]


class CountingStore(SqlJobStore):
    """The real store, and how often its unfinished jobs were listed."""

    looks = 0

    def standing(self, limit: int) -> list[Standing]:
        self.looks += 1
        return super().standing(limit)


@dataclass
class Desk:
    """A service's forecasts, its store, and a worker that is played."""

    store: CountingStore
    clock: Clock
    rng: random.Random
    live: dict[str, Progress] = field(default_factory=dict)
    loaded: bool = False
    grown: list[str] = field(default_factory=list)
    looks: int = 0
    jump: float = 0.0
    """How far the wall clock has been put ahead, or back."""
    _shown: Shown = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.machine = Machine(self.rng)
        self.queue = JobQueue(self.store, 1000)
        self.forecasts = Forecasts(
            self.queue,
            SPEC,
            lambda: CHECKPOINT,
            self.live,
            lambda: self.loaded,
            self.clock,
            lambda: self.clock.now + self.jump,
        )

    async def send(self, priority: int = 0) -> Job:
        request = random_request(self.rng)
        new = NewJob(
            id=token_hex(16),
            model="toy",
            requested={},
            resolved=request,
            priority=priority,
            estimated=await self.forecasts.working_seconds(request),
        )
        job = await self.queue.submit(new)
        self.forecasts.joined(job)
        return job

    async def work(self, *, give_back: bool = False) -> None:
        """Make the next job; or put it back in the middle, as a worker that must leave."""
        job = self.store.claim("w")
        assert job is not None
        token = job.token or ""
        timings = self.machine.run(job.resolved, loading=not self.loaded)
        if not self.loaded:
            self.store.advance(job.id, token, Event.LOAD)
        play = Play(timings, job.resolved.num_inference_steps)
        for progress, seconds in play.words():
            if progress.phase != "loading" and not self.loaded:
                self.loaded = True
            self.store.advance(job.id, token, Event.RUN)
            self.live[job.id] = progress
            if give_back and progress.step > 1:
                self.store.release(job.id, token, progress)
                break
            await self.pass_time(seconds)
            play.elapsed += seconds
        else:
            self.store.complete(job.id, token, RESULT.model_copy(update={"timings": timings}))
        self.live.clear()
        await self.look()

    async def pass_time(self, seconds: float) -> None:
        while seconds > 0:
            await self.look()
            self.clock.now += min(seconds, 4.0)
            seconds -= 4.0

    async def look(self) -> None:
        """As a watcher: note every figure that grew although nobody ahead of it did anything."""
        self.looks += 1
        jobs = self.store.page(states=tuple(UNFINISHED), limit=100).jobs
        etas = await self.forecasts.of(jobs)
        ordered = sorted(jobs, key=lambda j: (j.state == "queued", j.number - 50 * j.priority))
        ahead = frozenset[tuple[str, str, float | None]]()
        shown: Shown = {}
        for job in ordered:
            ahead |= {(job.id, job.state.value, job.started_at)}
            left = etas[job.id].seconds_left
            if left is None:
                continue
            shown[job.id] = (left, ahead)
            before = self._shown.get(job.id)
            if before and left > before[0] + 0.05 and ahead <= before[1]:
                self.grown.append(f"{job.id}: {before[0]} to {left}")
        self._shown = shown


@asynccontextmanager
async def desk(folder: Path, seed: int = 1) -> AsyncIterator[Desk]:
    clock = Clock()
    opened = Desk(
        CountingStore(sqlite_url(folder / "jobs.db"), "toy", VIDEO_KIND, clock),
        clock,
        random.Random(seed),
    )
    yield opened
    opened.queue.close()


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_replayed_history(tmp_path: Path, seed: int):
    """Noise, a drift, mixed sizes, steps and priorities, jobs that are put back."""

    async def replay() -> tuple[Desk, EtaErrors]:
        async with desk(tmp_path, seed) as d:
            for number in range(40):
                if number == 20:
                    d.machine.slowness = 1.3
                for _ in range(d.rng.choice((0, 1, 1, 2))):
                    await d.send(priority=d.rng.choice((-1, 0, 0, 0, 1)))
                if not await d.queue.call(d.store.has_work, "w"):
                    await d.send()
                await d.work(give_back=number % 9 == 8)
            return d, await d.forecasts.errors()

    d, errors = asyncio.run(replay())
    assert d.looks > 200
    assert d.grown == []
    assert errors.jobs > 15
    assert errors.median is not None
    assert errors.median < 0.15


def test_what_was_not_worked_on_teaches_nothing(tmp_path: Path):
    """However many there are of it since the last work."""

    async def ask() -> tuple[float | None, float | None, EtaErrors]:
        async with desk(tmp_path) as d:
            await d.send()
            await d.work()
            work = random_request(d.rng)
            d.clock.now += 2 * PAST_SECONDS
            before = await d.forecasts.working_seconds(work)
            for _ in range(PAST + 5):
                await d.send()
                job = d.store.claim("w")
                assert job is not None
                done = RESULT.model_copy(update={"cached_from": "another"})
                assert d.store.complete(job.id, job.token or "", done)
            d.clock.now += 2 * PAST_SECONDS
            after = await d.forecasts.working_seconds(work)
            return before, after, await d.forecasts.errors()

    before, after, errors = asyncio.run(ask())
    assert before == after is not None
    assert errors.jobs == 0


def test_before_the_first_run_nothing_is_said(tmp_path: Path):
    async def ask() -> EtaView:
        async with desk(tmp_path) as d:
            job = await d.send()
            return (await d.forecasts.of([job]))[job.id]

    assert asyncio.run(ask()) == EtaView(past_runs=0)


def test_the_line_loading_and_the_end(tmp_path: Path):
    async def ask() -> None:
        async with desk(tmp_path) as d:
            d.machine.sigma = 0
            await d.send()
            await d.work()
            d.clock.now += LOOK_SECONDS
            first, second = await d.send(), await d.send()
            etas = await d.forecasts.of([first, second])
            one, two = etas[first.id], etas[second.id]
            assert one.past_runs == 1
            assert one.queue_seconds == 0
            assert two.queue_seconds == one.seconds_left
            assert two.finish_at is not None
            assert two.finish_at.timestamp() == pytest.approx(
                d.clock.now + (two.seconds_left or 0), abs=0.1
            )
            assert first.estimated == pytest.approx(one.run_seconds, abs=0.1)
            wanted = await d.forecasts.of_request(first.resolved)
            assert wanted.queue_seconds == two.seconds_left
            d.loaded = False
            d.clock.now += LOOK_SECONDS
            await d.queue.call(d.store.cancel, second.id)
            await d.queue.call(d.store.cancel, first.id)
            cold = await d.forecasts.of_request(first.resolved)
            assert (cold.run_seconds or 0) - (one.run_seconds or 0) == pytest.approx(40, abs=0.2)

    asyncio.run(ask())


def test_a_priority_job_overtakes(tmp_path: Path):
    async def ask() -> None:
        async with desk(tmp_path) as d:
            await d.send()
            await d.work()
            d.clock.now += LOOK_SECONDS
            late = await d.send()
            before = (await d.forecasts.of([late]))[late.id]
            quick = await d.send(priority=1)
            etas = await d.forecasts.of([late, quick])
            assert etas[quick.id].queue_seconds == before.queue_seconds == 0
            assert etas[late.id].queue_seconds == etas[quick.id].seconds_left

    asyncio.run(ask())


def test_a_look_serves_everybody_for_a_second(tmp_path: Path):
    async def ask() -> None:
        async with desk(tmp_path) as d:
            jobs = [await d.send() for _ in range(20)]
            d.store.looks = 0
            for _ in range(500):
                await d.forecasts.of(jobs)
            assert d.store.looks == 0
            d.clock.now += LOOK_SECONDS
            await asyncio.gather(*[d.forecasts.of(jobs) for _ in range(500)])
            assert d.store.looks == 1
            moved = d.store.claim("w")
            assert moved is not None
            await d.forecasts.of([moved, *jobs[1:]])
            assert d.store.looks == 2, "a job that moved is seen at once"

    asyncio.run(ask())


@pytest.mark.parametrize("jump", [-3600.0, 86_400.0])
def test_a_wall_clock_that_jumps_moves_only_what_is_said_of_the_wall(tmp_path: Path, jump: float):
    async def ask() -> None:
        async with desk(tmp_path) as d:
            await d.send()
            await d.work()
            d.clock.now += LOOK_SECONDS
            job = await d.send()
            before = (await d.forecasts.of([job]))[job.id]
            d.jump, d.store.looks = jump, 0
            await d.forecasts.of([job])
            assert d.store.looks == 0, "it is no older for that"
            d.clock.now += LOOK_SECONDS
            after = (await d.forecasts.of([job]))[job.id]
            assert d.store.looks == 1
            assert after.seconds_left == before.seconds_left
            assert before.finish_at is not None
            assert after.finish_at is not None
            moved = (after.finish_at - before.finish_at).total_seconds()
            assert moved == pytest.approx(jump + LOOK_SECONDS)

    asyncio.run(ask())
