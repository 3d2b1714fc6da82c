"""How long a thread waits for the database: one deadline for all that a call asks of it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

CALL_SECONDS = 4.0
"""One call's share of the five seconds after which a client has its 503; where no deadline is set
it is a statement's."""

_end: ContextVar[float | None] = ContextVar("deadline", default=None)


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Whatever this thread asks of a database inside has ended after ``seconds``, or has failed.

    An earlier deadline around it stays.
    """
    end, outer = time.monotonic() + seconds, _end.get()
    token = _end.set(end if outer is None else min(end, outer))
    try:
        yield
    finally:
        _end.reset(token)


def seconds_left() -> float:
    """Until this thread's deadline, never less than 0."""
    end = _end.get()
    return CALL_SECONDS if end is None else max(0.0, end - time.monotonic())
