"""The API's memory: small again after large bodies, and collected without a pause that is felt.

glibc keeps what was freed for the next who asks, and learns from each large block to keep more:
after some bodies of 20 MB a process of 76 MiB stays at 200. The settings are those of mallopt(3).
"""

import asyncio
import contextlib
import gc

from common.base.heap import LIBC, give_back_freed

TIDY_SECONDS = 10.0
LARGE_BYTES = 128 * 1024
"""Blocks of so much are the kernel's own, and go back to it at once; fixed, it is not raised."""
ARENAS = 2
"""Of one for each thread, what is free in many of them is a process's worth."""
SELDOM = 1000
"""Collections of the middle generation before Python looks through everything by itself."""
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8


def bound_heap() -> None:
    """Before the first thread. Elsewhere than on glibc it does nothing."""
    with contextlib.suppress(AttributeError):
        LIBC.mallopt(_M_MMAP_THRESHOLD, LARGE_BYTES)
        LIBC.mallopt(_M_TRIM_THRESHOLD, LARGE_BYTES)
        LIBC.mallopt(_M_ARENA_MAX, ARENAS)


async def tidy_heap() -> None:
    """Collect what is garbage and give back what is free, again and again.

    Python would look through everything whenever a quarter has been added, under an attack all the
    time: 70 ms each, with two thousand connections. What the start has made it never sees again.
    """
    gc.freeze()
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, SELDOM)
    while True:
        gc.collect()
        await asyncio.to_thread(give_back_freed)  # a millisecond, ten after a flood
        await asyncio.sleep(TIDY_SECONDS)
