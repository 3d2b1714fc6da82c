"""Kind of fault: who asks and hangs up leaves work behind, more and more of it."""

import asyncio

import pytest

from common.base.together import Together


class Work:
    """Ends when it is let."""

    def __init__(self) -> None:
        self.begun = 0
        self.go = asyncio.Event()

    async def __call__(self) -> int:
        self.begun += 1
        await self.go.wait()
        return self.begun


def test_those_who_ask_meanwhile_share_the_answer_and_the_next_one_does_not():
    async def scene() -> None:
        work, together = Work(), Together[int]()
        asking = [asyncio.create_task(together(work)) for _ in range(3)]
        await asyncio.sleep(0)
        asking[0].cancel()
        asking.append(asyncio.create_task(together(work)))
        await asyncio.sleep(0)
        work.go.set()
        assert await asyncio.gather(*asking[1:]) == [1, 1, 1], "who hung up took nothing along"
        assert await together(work) == 2

    asyncio.run(scene())


def test_what_it_raises_all_hear_and_nobody_afterwards():
    async def scene() -> None:
        async def fails() -> int:
            raise OSError("no")

        together = Together[int]()
        for ended in await asyncio.gather(together(fails), together(fails), return_exceptions=True):
            assert isinstance(ended, OSError)
        work = Work()
        work.go.set()
        assert await together(work) == 1

    asyncio.run(scene())


def test_a_cancelled_asker_is_cancelled():
    async def scene() -> None:
        asking = asyncio.create_task(Together[int]()(Work()))
        await asyncio.sleep(0)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking

    asyncio.run(scene())
