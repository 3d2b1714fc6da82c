"""Background tasks: what ends one unforeseen starts it again, and is said meanwhile."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from common.base.keeper import LONGEST_PAUSE_SECONDS, SOUND_SECONDS, Keeper


class Times:
    """A clock that only pauses and work move."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []
        self.told: list[str] = []
        self.seen_down: list[dict[str, str]] = []
        self.keeper = Keeper(self.told.append, pause=self.pause, clock=lambda: self.now)

    async def pause(self, seconds: float) -> None:
        self.now += seconds
        self.pauses.append(seconds)
        self.seen_down.append(dict(self.keeper.down))
        await asyncio.sleep(0)


def failing(times: Times, lives: list[float]) -> Callable[[], Awaitable[None]]:
    """Work that fails after so many seconds each time, and then returns."""
    left = list(lives)

    async def work() -> None:
        if left:
            times.now += left.pop(0)
            raise RuntimeError("can't start new thread")

    return work


def test_what_fails_is_started_again_after_longer_and_longer_pauses():
    times = Times()
    asyncio.run(times.keeper.keep("supervisor", failing(times, [0] * 8)))
    assert times.pauses == [1, 2, 4, 8, 16, 32, LONGEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS]
    assert times.told == ["supervisor"] * 8


def test_what_must_not_be_blind_for_long_starts_again_soon():
    times = Times()
    asyncio.run(times.keeper.keep("memory watchdog", failing(times, [0] * 5), 1.5))
    assert times.pauses == [1, 1.5, 1.5, 1.5, 1.5]


def test_a_long_life_is_no_part_of_a_series():
    times = Times()
    asyncio.run(times.keeper.keep("supervisor", failing(times, [0, 0, SOUND_SECONDS + 1, 0])))
    assert times.pauses == [1, 2, 1, 2]


def test_it_is_said_while_it_is_down_and_not_after():
    times = Times()
    asyncio.run(times.keeper.keep("supervisor", failing(times, [0])))
    assert times.seen_down == [{"supervisor": "RuntimeError"}]
    assert times.keeper.down == {}


def test_each_failure_is_logged_once(caplog: pytest.LogCaptureFixture):
    times = Times()
    asyncio.run(times.keeper.keep("supervisor", failing(times, [0, 0])))
    assert len(caplog.records) == 2
    assert all(record.exc_info for record in caplog.records)


def test_a_task_that_is_cancelled_is_let_go():
    async def scene() -> None:
        kept = asyncio.create_task(Keeper().keep("webhooks", asyncio.Event().wait))
        await asyncio.sleep(0)
        kept.cancel()
        with pytest.raises(asyncio.CancelledError):
            await kept

    asyncio.run(scene())
