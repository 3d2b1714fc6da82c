"""Carries pipelines on: a task of the API process, which has no work of its own to lose.

What a step needs is in the store before it is asked for, and every request for a job carries the
key of its step's try. So wherever this ends, the next one finds the job that there is, or makes it.
Several processes may carry on the same pipeline: they ask with the same key, and of two who record
what came of it one is told that the other has.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from common.api.pipelines.looks import Live, Looks
from common.api.pipelines.stack import Silent, Stack
from common.api.pipelines.stepping import Pause, Stepping
from common.base.errors import VideosDGXError
from common.base.logs import get_logger
from common.jobs.pipelines import Pipeline
from common.jobs.queue import JobQueue

log = get_logger("pipelines")

ROUND_SECONDS = 1.0
IDLE_SECONDS = 5.0
"""Between looks at the table where all have ended: others may write to it, too."""
AT_ONCE = 8
"""Requests to one service: one that is silent holds up none of the others' pipelines."""
TROUBLE_SECONDS = 2.0
"""After an error of our own."""


@dataclass(eq=False)
class Conductor:
    """All unfinished pipelines of one service."""

    queue: JobQueue
    stack: Stack
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        self._looks: dict[str, Looks] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._news = asyncio.Event()
        self._places: defaultdict[str, asyncio.Semaphore] = defaultdict(
            lambda: asyncio.Semaphore(AT_ONCE)
        )

    @property
    def live(self) -> Mapping[str, Live]:
        """What was seen last of the step of each pipeline."""
        return {name: looks.live for name, looks in self._looks.items()}

    def wake(self) -> None:
        """There is something new in the table."""
        self._news.set()

    async def run(self) -> None:
        """Go round until cancelled."""
        try:
            while True:
                self._news.clear()
                seconds = await self.go_round()
                try:
                    async with asyncio.timeout(seconds):
                        await self._news.wait()
                except TimeoutError:
                    continue
        finally:
            for task in self._tasks.values():
                task.cancel()
            await self.settled()

    async def go_round(self) -> float:
        """Begin with all that are due; answers after how many seconds to look again."""
        try:
            unfinished = await self.queue.read(self.queue.store.unfinished_pipelines)
        except VideosDGXError as exc:  # the database; it may answer again
            log.warning("pipelines wait", extra={"reason": exc.body.message})
            return TROUBLE_SECONDS
        self._looks = {name: self._looks.get(name) or Looks() for name in unfinished}
        for name, version in unfinished.items():
            if name not in self._tasks and self._looks[name].due(version, self.clock()):
                self._begin(name, version)
        if not unfinished:
            return IDLE_SECONDS
        soonest = min(looks.next_at for looks in self._looks.values()) - self.clock()
        return min(ROUND_SECONDS, max(0.05, soonest))

    async def settled(self) -> None:
        """Wait for what is under way."""
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def _begin(self, name: str, version: int) -> None:
        task = asyncio.create_task(self._guarded(name, version))
        self._tasks[name] = task

        def over(_task: asyncio.Task[None]) -> None:
            del self._tasks[name]
            self._news.set()

        task.add_done_callback(over)

    async def _guarded(self, name: str, version: int) -> None:
        looks = self._looks[name]
        try:
            await self._carry_on(name, looks, version)
        except VideosDGXError as exc:
            log.warning("a pipeline waits", extra={"pipeline": name, "reason": exc.body.message})
            looks.wait(self.clock(), TROUBLE_SECONDS, version)
        except Exception:
            log.exception("a pipeline went wrong")
            looks.wait(self.clock(), TROUBLE_SECONDS, version)

    async def _carry_on(self, name: str, looks: Looks, version: int) -> None:
        """As far as it goes now."""
        store, stepping = self.queue.store, Stepping(self.stack, looks)
        pipeline = await self.queue.read(store.pipeline, name)
        if pipeline.unreadable:
            log.error("a pipeline cannot be read", extra={"pipeline": name})
            await self.queue.call(store.change_pipeline, pipeline)
            looks.wait(self.clock(), IDLE_SECONDS, version)
        while not pipeline.ended:
            moved = await self._moved(pipeline, stepping, looks)
            if isinstance(moved, Pause):
                looks.wait(self.clock(), moved.seconds, pipeline.version)
                return
            recorded = await self.queue.call(store.change_pipeline, moved)
            if recorded is None:  # somebody else has moved it: look again
                return
            pipeline = recorded
            _tell(pipeline)

    async def _moved(
        self, pipeline: Pipeline, stepping: Stepping, looks: Looks
    ) -> Pipeline | Pause:
        service = pipeline.steps[pipeline.current or 0].service
        try:
            async with self._places[service]:
                return await stepping.moved(pipeline)
        except Silent as exc:
            return looks.later(str(exc))


def _tell(pipeline: Pipeline) -> None:
    index = pipeline.current
    step: dict[str, Any] = {}
    if index is not None:
        at = pipeline.steps[index]
        step = {"step": at.name, "step_state": at.state.value, "job_id": at.job}
    log.info("pipeline", extra={"pipeline": pipeline.id, "state": pipeline.state.value, **step})
