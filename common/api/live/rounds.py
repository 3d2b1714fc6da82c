"""One look at the store for all that is watched, again and again."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping
from typing import Any, Generic, TypeVar

from common.base.errors import VideosDGXError
from common.base.logs import get_logger

log = get_logger("api")

Seen = TypeVar("Seen")
Pause = Callable[[float], Awaitable[None]]

TOLD_AT_ONCE = 10
"""News told before everything else has its turn: hundreds of streams must not hold up a request."""


class Rounds(Generic[Seen]):
    """Looks at everything that is watched, while something is."""

    def __init__(
        self,
        read: Callable[[Collection[str]], Awaitable[Mapping[str, Seen]]],
        watched: Callable[[], Collection[str]],
        tell: Callable[[str, Seen | None], bool],
        seconds: float,
        pause: Pause,
    ) -> None:
        """``read`` looks at all of them at once, and leaves out what is not there any more.

        ``watched`` says what to look at, ``tell`` gets what was seen of each, None where it is
        gone, and answers whether that was news. ``seconds`` lie between two rounds.
        """
        self._read = read
        self._watched = watched
        self._tell = tell
        self._seconds = seconds
        self._pause = pause
        self._new: set[str] = set()
        self._turn = asyncio.Lock()
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def begin(self, name: str) -> None:
        """This is watched from now on, and looked at at once."""
        self._new.add(name)
        self._start("first", self._look_first)
        self._start("rounds", self._go_round)

    def _start(self, task: str, run: Callable[[], Coroutine[Any, Any, None]]) -> None:
        known = self._tasks.get(task)
        if known is None or known.done():
            self._tasks[task] = asyncio.create_task(run())

    async def _look_first(self) -> None:
        """Those that came while others were looked at share the next look."""
        while self._new:
            names, self._new = self._new, set()
            await self._look(names)

    async def _go_round(self) -> None:
        await self._pause(self._seconds)
        while names := self._watched():
            await self._look(names)
            await self._pause(self._seconds)

    async def _look(self, names: Collection[str]) -> None:
        async with self._turn:  # or what was seen first might be told last
            try:
                seen = await self._read(names)
                await self._tell_all(names, seen)
            except VideosDGXError as exc:  # the database; it may answer again
                log.warning("cannot look at what is watched", extra={"reason": exc.body.message})
            except Exception:  # nobody would look again
                log.exception("a look at what is watched went wrong")

    async def _tell_all(self, names: Collection[str], seen: Mapping[str, Seen]) -> None:
        told = 0
        for name in tuple(names):
            told += self._tell(name, seen.get(name))
            if told == TOLD_AT_ONCE:
                told = 0
                await asyncio.sleep(0)
