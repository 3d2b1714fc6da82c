"""The one way to let a child process read bytes from strangers.

What decodes them may be led to do anything, so it runs apart: it sees one open file and none of our
environment, in bounds that the kernel holds, and is the first to be killed when memory runs out.
When the service stops, the children in flight end with it.
"""

import contextlib
import os
import resource
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from common.base.errors import VideosDGXError
from common.base.limits import held
from common.base.threads import no_threads_left

_OOM_SCORE_ADJ = 1000
"""The first to go (man 5 proc_pid_oom_score_adj); the API's own figure may be far below zero."""
_NICENESS = 5
"""Those who ask how the service is do not wait for those who send it films."""
_OPEN_FILES = 64
_MOST_WORDS = 64 * 1024
"""Bytes of its last words that are kept."""
_KEPT_NAMES = ("PATH", "LD_LIBRARY_PATH")
_ONE_HEAP = {"MALLOC_ARENA_MAX": "1"}
"""For all threads: each of its own would claim 128 MiB of the address space."""
_ROOT = Path(__file__).parents[2]


class Stopping(VideosDGXError):
    """The service was told to stop while it looked at a file."""

    code = "stopping"
    status = 503
    retry_after = 10
    told = True
    """Nothing is wrong."""


@dataclass(frozen=True)
class Bounds:
    """What a child may take. The limits of setrlimit(2), and ``seconds`` on the clock.

    ``output_bytes`` bounds standard output and standard error, each.
    """

    seconds: float
    cpu_seconds: int
    address_bytes: int
    output_bytes: int

    def limits(self) -> dict[int, int]:
        """By resource. CPU seconds end an orphan too: nothing else would."""
        return {
            resource.RLIMIT_AS: self.address_bytes,
            resource.RLIMIT_CPU: self.cpu_seconds,
            resource.RLIMIT_FSIZE: self.output_bytes,
            resource.RLIMIT_NOFILE: _OPEN_FILES,
            resource.RLIMIT_CORE: 0,
        }


class Ending(StrEnum):
    """How a child came to its end."""

    ITSELF = "itself"
    LATE = "late"
    """We ended it: its seconds were over."""
    KILLED = "killed"
    """The kernel did: its CPU seconds were over, or memory was."""
    FULL = "full"
    """It wrote more than it might. A Python child sees an OSError instead, and ends itself."""


@dataclass(frozen=True)
class Ended:
    """A child that ended: exit status (negative: a signal), standard output, and what it said."""

    status: int
    output: bytes
    words: str
    ending: Ending = Ending.ITSELF


class Children:
    """The children in flight of one process, so that they can be ended together."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._stopped = False

    def run(
        self, command: Sequence[str], *, stdin: int, bounds: Bounds, pass_fds: Sequence[int] = ()
    ) -> Ended:
        """As ``run_bounded``."""
        with _in_memory() as output, _in_memory() as words:
            child = self._start(command, (stdin, output, words), bounds, pass_fds)
            late = True
            try:
                late = not _ends_within(child, bounds.seconds)
            finally:
                status = self._end(child)
            if self._stopped and status == -signal.SIGKILL:
                raise _stopping()
            said = _written(words)[-_MOST_WORDS:].decode(errors="replace")
            return Ended(status, _written(output), said, _ending(status, late=late))

    def _start(
        self,
        command: Sequence[str],
        streams: tuple[int, int, int],
        bounds: Bounds,
        pass_fds: Sequence[int],
    ) -> "subprocess.Popen[bytes]":
        stdin, stdout, stderr = streams
        with self._lock:  # none is started behind the back of `end_all`
            if self._stopped:
                raise _stopping()
            try:
                child = subprocess.Popen(
                    held(command, bounds.limits()),
                    stdin=stdin,
                    stdout=stdout,
                    stderr=stderr,
                    pass_fds=tuple(pass_fds),
                    env=bare_environment() | _ONE_HEAP,
                    cwd=_ROOT,
                    start_new_session=True,
                )
            except (OSError, RuntimeError) as exc:
                raise no_threads_left(exc) or exc from exc
            self._running.add(child)
        _last_among_all(child.pid)
        return child

    def _end(self, child: "subprocess.Popen[bytes]") -> int:
        """Kill it if it still runs, reap it, and answer its status."""
        with self._lock:  # nobody kills it after it is reaped: its number may be another's then
            self._running.remove(child)
        _kill(child)
        return child.wait()

    def end_all(self) -> None:
        """End those in flight; from now on none is started. Their callers get ``Stopping``."""
        with self._lock:
            self._stopped = True
            for child in self._running:
                _kill(child)


CHILDREN = Children()
"""Those of this process."""


def run_bounded(
    command: Sequence[str], *, stdin: int, bounds: Bounds, pass_fds: Sequence[int] = ()
) -> Ended:
    """Run a command on untrusted bytes, and wait for it.

    Args:
        command: of an absolute path; ``module_command`` makes one from a module of ours.
        stdin: a descriptor to read from. Its place moves.
        bounds: what it may take.
        pass_fds: descriptors that it gets besides, under the same numbers.

    Raises:
        Stopping: the process was told to stop.
        NoThreads: the machine has no room for another process.
    """
    return CHILDREN.run(command, stdin=stdin, bounds=bounds, pass_fds=pass_fds)


def module_command(module: str, *arguments: str) -> list[str]:
    """The command that runs a module of this project as ``__main__``."""
    return [sys.executable, "-s", "-m", module, *arguments]


def bare_environment(*names: str) -> dict[str, str]:
    """What any program needs of our environment, and ``names`` besides: no keys, no addresses."""
    kept = {name: os.environ[name] for name in (*_KEPT_NAMES, *names) if name in os.environ}
    return {**kept, "LANG": "C.UTF-8"}


def _last_among_all(pid: int) -> None:
    """From here, since a ``preexec_fn`` may hang where there are threads."""
    with contextlib.suppress(OSError):
        Path(f"/proc/{pid}/oom_score_adj").write_text(str(_OOM_SCORE_ADJ))
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, pid, _NICENESS)


@contextmanager
def _in_memory() -> Iterator[int]:
    """A file that takes what a child writes: its size is bounded, and nobody must keep reading."""
    file = os.memfd_create("child")
    try:
        yield file
    finally:
        os.close(file)


def _written(file: int) -> bytes:
    with open(file, "rb", closefd=False) as stream:
        stream.seek(0)
        return stream.read()


def _ends_within(child: "subprocess.Popen[bytes]", seconds: float) -> bool:
    """Wait; ``Popen.wait`` with a timeout sleeps up to 50 ms too long."""
    ends = os.pidfd_open(child.pid)
    try:
        poll = select.poll()
        poll.register(ends, select.POLLIN)
        return bool(poll.poll(seconds * 1000))
    finally:
        os.close(ends)


def _kill(child: "subprocess.Popen[bytes]") -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)  # of its session, which is named after it


def _ending(status: int, *, late: bool) -> Ending:
    if late:
        return Ending.LATE
    return {-signal.SIGKILL: Ending.KILLED, -signal.SIGXFSZ: Ending.FULL}.get(status, Ending.ITSELF)


def _stopping() -> Stopping:
    return Stopping("The service is stopping.", hint="Send the request again in a moment.")
