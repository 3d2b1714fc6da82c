"""Work of a client's size, away from the event loop."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

INLINE_BYTES = 64 * 1024
"""What is done with fewer takes about a millisecond, and a thread would take longer to begin."""

_THREADS = ThreadPoolExecutor(2, "door")
"""Two: each thread that computes may keep the loop from the interpreter for 5 ms at a time."""


async def aside(size: int, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The result of ``work``, which looks at ``size`` bytes: in a thread where these are many."""
    if size <= INLINE_BYTES:
        return work(*args, **kwargs)
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_THREADS, lambda: work(*args, **kwargs))
