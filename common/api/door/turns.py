"""Turns at what is costly: a few at once in all, one for each owner, and nobody waits for ever."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from weakref import WeakValueDictionary

from common.base.errors.queue import Busy

LOOKS_AT_ONCE = 3
"""Uploads that are decoded at once, to see what they are."""
LOOK_PATIENCE_SECONDS = 40.0
"""Longer than one of them may take."""


class Turns:
    """Of one kind of work, which must not wait for a client.

    Who has to wait stands in line; an owner who has a turn is not in it with the next.
    """

    def __init__(self, what: str, at_once: int, patience_seconds: float) -> None:
        """``what`` is to be had, as in "Too many looks at files"."""
        self._what = what
        self._all = asyncio.Semaphore(at_once)
        self._own: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._patience_seconds = patience_seconds

    @asynccontextmanager
    async def turn(self, owner: str) -> AsyncIterator[None]:
        """Hold a turn inside the block. Raises Busy: it did not come in time."""
        own = self._own.setdefault(owner, asyncio.Lock())
        async with AsyncExitStack() as held:
            try:
                async with asyncio.timeout(self._patience_seconds):
                    await held.enter_async_context(own)
                    await held.enter_async_context(self._all)
            except TimeoutError:
                raise Busy(
                    f"Too many {self._what} are wanted at once.",
                    hint="Send it again in a moment; each caller has one at a time.",
                ) from None
            yield
