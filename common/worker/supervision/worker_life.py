"""One worker's life as its service sees it: watched over, and ended when it is overdue."""

from collections.abc import Callable
from dataclasses import dataclass

from common.base.logs import get_logger
from common.worker.supervision.watch import Verdict, Watch
from common.worker.supervision.worker_process import WorkerProcess

log = get_logger("supervisor")


@dataclass
class WorkerLife:
    """A worker that runs, and what is known of it."""

    worker: WorkerProcess
    watch: Watch
    kill_grace_seconds: float
    verdict: Verdict | None = None
    """Why it has to go, once it has to."""
    _kill_at: float | None = None

    def shoot(self, reason: str) -> None:
        """End it at once, unless it has to go already; no job is to blame."""
        if self.verdict is None:
            self.verdict = Verdict(reason, blame=False)
            self.worker.kill()

    def enforce(self, now: float, evicted: Callable[[int], bool]) -> None:
        """SIGTERM when it is overdue, SIGKILL when that did not help.

        ``evicted``: whether a worker, by its pid, has been asked to make room.
        """
        if self.verdict is None:
            self.watch.evicted(evicted(self.worker.pid), now)
            self.verdict = self.watch.overdue(now)
            if self.verdict is not None:
                self._stop_overdue(self.verdict, now)
        elif self._kill_at is not None and now >= self._kill_at:
            self._kill_at = None
            self.worker.kill()

    def _stop_overdue(self, verdict: Verdict, now: float) -> None:
        """Where the job is to blame, the worker is not asked: it would give the attempt back."""
        log.warning("stopping worker", extra={"reason": verdict.reason})
        if verdict.blame:
            self.worker.kill()
        else:
            self._kill_at = now + self.kill_grace_seconds
            self.worker.terminate()
