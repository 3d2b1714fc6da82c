"""When a machine has no thread to give."""

import errno

from common.base.errors import VideosDGXError


class NoThreads(VideosDGXError):
    """No thread and no process can be started: another program has them, or a limit is low."""

    code = "no_threads"
    status = 503
    retry_after = 10


def no_threads_left(exc: BaseException) -> NoThreads | None:
    """What an exception is if it says that no thread or process could be started, else None.

    CPython says the first in words only; ``fork`` answers EAGAIN (man 2 fork).
    """
    thread = isinstance(exc, RuntimeError) and "can't start new thread" in str(exc)
    process = isinstance(exc, BlockingIOError) and exc.errno == errno.EAGAIN
    if isinstance(exc, NoThreads):
        return exc
    if not (thread or process):
        return None
    return NoThreads(
        "The machine has no threads left.",
        hint="End other programs, or raise their limit: ulimit -u, or pids_limit of a container.",
    )
