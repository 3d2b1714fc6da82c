"""The worker's sign of life, from a thread of its own: to the API process and into the row."""

import contextlib
import threading
import time
from collections.abc import Callable

import psutil

from common.errors import VideosDGXError
from common.jobs.model import Progress
from common.jobs.states import JobState
from common.jobs.store import JobStore
from common.messages import Beat
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
    ) -> None:
        self._control = control
        self._store = store
        self._lease = lease_seconds
        self._on_beat = on_beat
        self._process = psutil.Process()
        self._stopped = threading.Event()
        self._written: tuple[Progress, float] | None = None
        self.running: RunningJob | None = None

    def start(self) -> None:
        """Beat until ``stop``."""
        threading.Thread(target=self._beat, name="heart", daemon=True).start()

    def stop(self) -> None:
        """Beat no more."""
        self._stopped.set()

    def _beat(self) -> None:
        while not self._stopped.wait(BEAT_SECONDS):
            self._control.report(Beat(rss_bytes=self._process.memory_info().rss))
            with contextlib.suppress(OSError):  # a full disk; the next beat may fit
                self._on_beat()
            running = self.running
            if running is not None:
                # A database that does not answer now is tried again in a second.
                with contextlib.suppress(VideosDGXError):
                    self._write(running, time.monotonic())

    def _write(self, running: RunningJob, now: float) -> None:
        progress = running.latest
        if self._written and self._written[0] is progress and now < self._written[1]:
            return
        state = self._store.heartbeat(running.job.id, running.token, progress)
        self._written = (progress, now + self._lease / 3)
        _obey(state, running)


def _obey(state: JobState | None, running: RunningJob) -> None:
    """The row may know what the pipe did not say: cancelled elsewhere, or claimed anew."""
    if state is None:
        running.release()
    elif state is JobState.CANCELLING:
        running.cancel()
