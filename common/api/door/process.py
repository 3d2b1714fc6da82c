"""What the process is set to before it listens: open files, threads, libraries' words."""

import logging
import resource
import sys
import time
from collections.abc import Callable

SWITCH_SECONDS = 0.001
"""A thread that parses lets the event loop go on so soon; Python's own is 5 ms."""

ENOUGH = 65_536
KEPT = 200
"""Of the limit, for everything but connections: databases, files, uploads, the worker's pipes."""

_SELDOM = (
    "socket.accept() out of system resource",  # asyncio says it thousands of times a second
    "Invalid HTTP request received.",
    "Unsupported upgrade request.",
    "No supported WebSocket library detected.",
)
"""What strangers can make the libraries say as often as they like."""


def raise_limit() -> int:
    """Lift the soft limit on open files up to the hard one; answers what it is now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = ENOUGH if hard == resource.RLIM_INFINITY else min(hard, ENOUGH)
    if wanted > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return max(soft, wanted)


def connections_within(limit: int, wanted: int) -> int:
    """How many connections may be open, of ``wanted``, where ``limit`` files may."""
    return min(wanted, max(limit - KEPT, limit // 2))


def prepare() -> None:
    """Threads take short turns, and libraries do not log what every stranger can make them say."""
    sys.setswitchinterval(SWITCH_SECONDS)
    logging.getLogger("python_multipart").setLevel(logging.ERROR)
    seldom = Seldom()
    for library in ("asyncio", "uvicorn.error"):
        logging.getLogger(library).addFilter(seldom)


class Seldom(logging.Filter):
    """Lets each of some lines pass once a minute, with how often it was left out before."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, seconds: float = 60) -> None:
        super().__init__()
        self._clock, self._seconds = clock, seconds
        self._said: dict[str, float] = {}
        self._left_out: dict[str, int] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a line is logged."""
        words = next((one for one in _SELDOM if str(record.msg).startswith(one)), None)
        if words is None:
            return True
        now = self._clock()
        if now - self._said.get(words, -self._seconds) < self._seconds:
            self._left_out[words] = self._left_out.get(words, 0) + 1
            return False
        self._said[words] = now
        record.msg = f"{words} ({self._left_out.pop(words, 0)} more since the last such line)"
        record.args = record.exc_info = None
        return True
