"""The conductor dies and comes back between any two of its moves; a service counts what it made."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from common.api.pipelines import moves
from common.api.pipelines.conductor import IDLE_SECONDS, Conductor
from common.api.pipelines.stack import Stack
from common.base.errors import StoreUnavailable
from common.jobs.database import sqlite_url
from common.jobs.pipelines import NewPipeline, Pipeline, PipelineState, Step
from common.jobs.queue import JobQueue
from common.jobs.schema_pipelines import pipelines
from common.jobs.sql import SqlJobStore
from common.kinds.video import VIDEO_KIND

STEPS = 3


class Toy(ThreadingHTTPServer):
    """A service that makes one job of each key, and lets it be completed at the second look."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.made: dict[str, str] = {}
        self.bodies: list[Any] = []
        self.looks: dict[str, int] = {}
        self.cancelled: set[str] = set()
        self.full = False
        self.asked = 0
        self.lock = threading.Lock()

    def post(self, path: str, key: str, body: Any) -> tuple[int, Any]:
        if path.endswith("/cancel"):
            self.cancelled.add(path.split("/")[2])
            return 200, {}
        if self.full:
            return 429, {"error": {"code": "queue_full", "message": "The queue is full."}}
        with self.lock:
            self.asked += 1
            if key not in self.made:
                self.made[key] = f"{len(self.made):032x}"
                self.bodies.append(body)
            return 202, {"id": self.made[key], "state": "queued"}

    def get(self, path: str) -> tuple[int, Any]:
        if path == "/":
            return 200, {"makes_jobs": ["/generate"]}
        job = path.split("/")[2]
        self.looks[job] = self.looks.get(job, 0) + 1
        state = "completed" if self.looks[job] > 1 else "running"
        return 200, {"id": job, "state": "cancelled" if job in self.cancelled else state}


class Answers(BaseHTTPRequestHandler):
    server: Toy

    def do_GET(self) -> None:
        self._answer(*self.server.get(self.path))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        key = self.headers.get("Idempotency-Key", "")
        self._answer(*self.server.post(self.path, key, json.loads(body or b"{}")))

    def _answer(self, status: int, content: Any) -> None:
        text = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def toy() -> Iterator[Toy]:
    with Toy() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


class Dying(SqlJobStore):
    """Its process dies at a write: before it, so that nothing is written."""

    writes_left = 10**6

    def change_pipeline(self, changed: Pipeline) -> Pipeline | None:
        if self.writes_left == 0:
            raise StoreUnavailable
        self.writes_left -= 1
        return super().change_pipeline(changed)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Dying]:
    opened = Dying(sqlite_url(tmp_path / "jobs.db"), "toy", VIDEO_KIND)
    yield opened
    opened.close()


def accepted(store: SqlJobStore) -> Pipeline:
    steps = tuple(
        Step(
            name=f"s{i}",
            service="toy",
            path="/generate",
            body={"extend": {"step": f"s{i - 1}"}} if i else {},
        )
        for i in range(STEPS)
    )
    return store.submit_pipeline(NewPipeline(id="a" * 32, model="toy", steps=steps), 100)


class Hurry:
    """A clock by which every pause is over at the next look."""

    now = 0.0

    def __call__(self) -> float:
        self.now += 100
        return self.now


def conductor(store: SqlJobStore, toy: Toy, clock: Callable[[], float] | None = None) -> Conductor:
    stack = Stack({"toy": f"http://127.0.0.1:{toy.server_port}"})
    return Conductor(JobQueue(store, 100), stack, clock or Hurry())


async def rounds(store: SqlJobStore, *all_: Conductor, most: int = 20) -> Pipeline:
    """Until it has ended, or so many."""
    for _ in range(most):
        for one in all_:
            await one.go_round()
        await asyncio.gather(*(one.settled() for one in all_))
        if store.pipeline("a" * 32).ended:
            break
    return store.pipeline("a" * 32)


def check(over: Pipeline, toy: Toy) -> None:
    assert over.state is PipelineState.COMPLETED, over
    assert [step.job for step in over.steps] == list(toy.made.values())
    jobs = list(toy.made.values())
    assert toy.bodies == [{}, {"extend": {"job": jobs[0]}}, {"extend": {"job": jobs[1]}}]


@pytest.mark.parametrize("writes", range(3 * STEPS))
def test_it_dies_before_any_of_its_writes(store: Dying, toy: Toy, writes: int):
    accepted(store)
    store.writes_left = writes
    asyncio.run(rounds(store, conductor(store, toy), most=5))
    assert not store.pipeline("a" * 32).ended
    store.writes_left = 10**6
    check(asyncio.run(rounds(store, conductor(store, toy))), toy)


def test_two_carry_on_the_same_one(store: Dying, toy: Toy):
    accepted(store)
    over = asyncio.run(rounds(store, conductor(store, toy), conductor(store, toy)))
    check(over, toy)


def test_it_is_cancelled_between_a_request_and_its_record(store: Dying, toy: Toy):
    accepted(store)
    store.writes_left = 1  # "sent" is written, the job is not
    asyncio.run(rounds(store, conductor(store, toy), most=1))
    assert len(toy.made) == 1
    store.writes_left = 10**6
    assert store.change_pipeline(moves.cancelled(store.pipeline("a" * 32)))
    over = asyncio.run(rounds(store, conductor(store, toy)))
    assert over.state is PipelineState.CANCELLED
    assert toy.cancelled == set(toy.made.values()), "the job was found, and cancelled"
    assert len(toy.made) == 1


def test_a_full_queue_is_waited_for_and_holds_up_no_cancel(store: Dying, toy: Toy):
    accepted(store)
    toy.full = True
    one = conductor(store, toy)
    asyncio.run(rounds(store, one, most=3))
    assert one.live["a" * 32].waiting_for == "toy: The queue is full."
    assert store.change_pipeline(moves.cancelled(store.pipeline("a" * 32)))
    over = asyncio.run(rounds(store, conductor(store, toy)))
    assert (over.state, toy.made) == (PipelineState.CANCELLED, {})


def test_what_cannot_be_recorded_is_not_asked_again_and_again(store: Dying, toy: Toy):
    accepted(store)
    store.writes_left = 1
    asyncio.run(rounds(store, conductor(store, toy, lambda: 0.0)))
    assert toy.asked == 2, "at once where it had moved, then after a pause"


def test_one_that_cannot_be_read_is_ended_once(store: Dying, toy: Toy):
    accepted(store)
    with store._writing() as connection:
        connection.execute(pipelines.update().values(steps="[]]"))
    store.writes_left = 1
    asyncio.run(rounds(store, one := conductor(store, toy)))
    assert store.unfinished_pipelines() == {}
    assert asyncio.run(one.go_round()) == IDLE_SECONDS
    assert store.writes_left == 0
