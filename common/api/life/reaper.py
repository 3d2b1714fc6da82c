"""Reaps orphans where this process is the first of its container.

What a killed worker leaves behind, an encoder for one, becomes a child of process 1. Where that is
no init but this service, nobody else waits for its end, and it would stay as a zombie.
"""

import asyncio
import contextlib
import os

import psutil

LOOK_SECONDS = 2.0


async def reap_orphans() -> None:
    """Look until cancelled; returns at once where somebody else is process 1."""
    while os.getpid() == 1:
        reap()
        await asyncio.sleep(LOOK_SECONDS)


def reap() -> int:
    """Reap the dead children that others have started; answers how many.

    Workers lead sessions of their own, and what they start stays in theirs. So a child that is of
    another session than ours and leads none is an orphan: nobody here waits for it.
    """
    reaped = 0
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.Error, OSError):
            session = os.getsid(child.pid)
            orphan = session not in (os.getsid(0), child.pid)
            if orphan and child.status() == psutil.STATUS_ZOMBIE:
                os.waitpid(child.pid, os.WNOHANG)
                reaped += 1
    return reaped
