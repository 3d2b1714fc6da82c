"""Calls that hang: bounded in time, in number, and in what they hold up."""

import asyncio
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from common.base.errors import StoreUnavailable
from common.jobs.deadline import CALL_SECONDS, seconds_left, within
from common.jobs.lanes import ANSWER_SECONDS, Lane


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """What a call hangs at, as at a dead disk."""
    gate = threading.Event()
    yield gate
    gate.set()


def test_a_call_answers_or_raises_as_itself():
    async def scene() -> None:
        lane = Lane("test", 1)
        assert await lane.run(lambda: 7) == 7
        with pytest.raises(ZeroDivisionError):
            await lane.run(lambda: 1 // 0)
        assert await lane.run(lambda: 8) == 8
        assert lane.close()

    asyncio.run(scene())


def test_what_hangs_is_given_up_and_what_comes_after_is_refused_at_once(gate: threading.Event):
    async def scene() -> None:
        lane = Lane("test", 2)
        hung = [lane.run(gate.wait) for _ in range(10)]
        began = time.monotonic()
        outcomes = await asyncio.gather(*hung, return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [StoreUnavailable] * 10
        assert time.monotonic() - began >= ANSWER_SECONDS - 0.1
        while not lane._hangs():  # noqa: ASYNC110  # a thread began later than it was asked
            await asyncio.sleep(0.01)
        given_up = lane._calls.qsize()
        with pytest.raises(StoreUnavailable):
            await lane.run(lambda: 7)
        assert lane._calls.qsize() == given_up, "it was not even put in the line"
        gate.set()
        while lane._hangs():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        assert await lane.run(lambda: 7) == 7

    asyncio.run(scene())


def test_a_call_that_waited_for_its_turn_has_so_much_less_time(gate: threading.Event):
    async def scene() -> None:
        lane = Lane("test", 1)
        first = asyncio.create_task(lane.run(gate.wait))
        second = asyncio.create_task(lane.run(seconds_left))
        await asyncio.sleep(0.3)
        gate.set()
        await first
        assert 0 < await second <= CALL_SECONDS - 0.3

    asyncio.run(scene())


def test_a_hung_call_does_not_keep_a_lane_from_closing(gate: threading.Event):
    async def scene() -> None:
        lane = Lane("test", 1)
        task = asyncio.create_task(lane.run(gate.wait))
        await asyncio.sleep(0)
        assert not lane.close(patience=0.1)
        task.cancel()

    asyncio.run(scene())


def test_deadlines_nest_and_are_a_threads_own():
    assert seconds_left() == CALL_SECONDS
    with within(2), within(60):
        assert seconds_left() <= 2
        with ThreadPoolExecutor(1) as other:
            assert other.submit(seconds_left).result() == CALL_SECONDS
    with within(0):
        assert seconds_left() == 0
    assert seconds_left() == CALL_SECONDS
