"""Who asks for the same at the same time is answered by one piece of work."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Together(Generic[T]):
    """However many ask, and give up, and ask again: one piece of work is under way.

    Without it, an asker that is less patient than the work is long leaves more and more behind.
    """

    def __init__(self) -> None:
        self._under_way: asyncio.Task[T] | None = None

    async def __call__(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """What the work that is under way answers, or this one. Raises what it raises."""
        if self._under_way is None or self._under_way.done():
            self._under_way = asyncio.create_task(work())
        # Whoever hangs up leaves it to the others.
        return await asyncio.shield(self._under_way)
