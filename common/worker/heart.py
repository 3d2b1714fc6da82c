"""The worker's signs of life: to the API process, and into the rows of its jobs.

From a thread each: a database that is silent must not make a worker look dead.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Sequence

import psutil

from common.base.errors import VideosDGXError
from common.contract.messages import Beat
from common.jobs.model import Progress
from common.jobs.states import JobState
from common.jobs.store import JobStore
from common.worker.context import RunningJob
from common.worker.control import Control

BEAT_SECONDS = 1.0


class Heart:
    """Beats every second; writes the row when progress changed or the lease grows old."""

    def __init__(
        self,
        control: Control,
        store: JobStore,
        lease_seconds: float,
        on_beat: Callable[[], None] = lambda: None,
        running: Callable[[], Sequence[RunningJob]] = tuple,
    ) -> None:
        """``running``: the jobs that this worker holds."""
        self._control = control
        self._store = store
        self._lease = lease_seconds
        self._on_beat = on_beat
        self._process = psutil.Process()
        self._stopped = threading.Event()
        self._running = running
        self._written: dict[str, tuple[Progress, float]] = {}
        """What was written under a token, and when it must be written again."""

    def start(self) -> None:
        """Beat until ``stop``."""
        threading.Thread(target=self._beat, name="heart", daemon=True).start()
        threading.Thread(target=self._show, name="rows", daemon=True).start()

    def stop(self) -> None:
        """Beat no more."""
        self._stopped.set()

    def _beat(self) -> None:
        while not self._stopped.wait(BEAT_SECONDS):
            self._control.report(Beat(rss_bytes=self._process.memory_info().rss))
            with contextlib.suppress(OSError):  # a full disk; the next beat may fit
                self._on_beat()

    def _show(self) -> None:
        while not self._stopped.wait(BEAT_SECONDS):
            # A database that does not answer now is tried again in a second.
            with contextlib.suppress(VideosDGXError):
                self._write_all(time.monotonic())

    def _write_all(self, now: float) -> None:
        jobs = self._running()
        tokens = {running.token for running in jobs}
        self._written = {token: last for token, last in self._written.items() if token in tokens}
        for running in jobs:
            self._write(running, now)

    def _write(self, running: RunningJob, now: float) -> None:
        progress = running.latest
        written, until = self._written.get(running.token, (None, 0.0))
        if written is progress and now < until:
            return
        state = self._store.heartbeat(running.job.id, running.token, progress)
        self._written[running.token] = (progress, now + self._lease / 3)
        _obey(state, running)


def _obey(state: JobState | None, running: RunningJob) -> None:
    """The row may know what the pipe did not say: cancelled elsewhere, or claimed anew."""
    if state is None:
        running.release()
    elif state is JobState.CANCELLING:
        running.cancel()
