"""Turns at what is costly: nobody waits for ever, and for nobody who has one already."""

import asyncio

import pytest

from common.api.door.turns import Turns
from common.base.errors.queue import Busy

LONG = 60.0


def test_an_owner_has_one_and_others_are_not_behind_the_next():
    async def play() -> None:
        turns, order = Turns("looks", 2, LONG), list[str]()
        go_on = asyncio.Event()

        async def work(owner: str, name: str) -> None:
            async with turns.turn(owner):
                order.append(name)
                await go_on.wait()

        tasks = [asyncio.create_task(work("ana", f"ana's {n}")) for n in range(5)]
        await asyncio.sleep(0)
        tasks.append(asyncio.create_task(work("ben", "ben's")))
        tasks.append(asyncio.create_task(work("eve", "eve's")))
        for _ in range(20):
            await asyncio.sleep(0)
        assert order == ["ana's 0", "ben's"]
        go_on.set()
        await asyncio.gather(*tasks)
        assert order[:3] == ["ana's 0", "ben's", "eve's"]
        assert len(order) == 7

    asyncio.run(play())


@pytest.mark.parametrize("owner", ["ana", "ben"])
def test_a_wait_ends_with_when_to_come_back(owner: str):
    """Whether one's own or others' work is in the way; and what was waited for is not lost."""

    async def play() -> None:
        turns = Turns("looks", 1, 0.05)
        async with turns.turn("ana"):
            with pytest.raises(Busy) as caught:
                async with turns.turn(owner):
                    raise AssertionError("there is one turn, and it is taken")
        assert caught.value.status == 503
        assert caught.value.headers == {"Retry-After": "10"}
        for name in ("ana", "ben"):
            async with turns.turn(name):
                pass

    asyncio.run(play())


def test_who_is_cancelled_or_fails_gives_the_turn_back():
    async def play() -> None:
        turns = Turns("looks", 1, LONG)
        with pytest.raises(ZeroDivisionError):
            async with turns.turn("ana"):
                raise ZeroDivisionError
        async with turns.turn("ana"):
            waiting = asyncio.create_task(turns.turn("ana").__aenter__())
            other = asyncio.create_task(turns.turn("ben").__aenter__())
            for _ in range(5):
                await asyncio.sleep(0)
            waiting.cancel()
            other.cancel()
            await asyncio.gather(waiting, other, return_exceptions=True)
        async with turns.turn("ben"):
            pass

    asyncio.run(play())
