"""Old files go: by age, number and size, and before the disk is full. Off unless a setting says so.

The row is told first, and then the folder goes in one step: a crash in between leaves files of a
job that has none, which the sweep of the next start removes. Nobody is ever shown half of them.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from common.base.chores import AT_ONCE, Stopped
from common.base.errors import VideosDGXError
from common.base.logs import get_logger
from common.base.settings import GIB, Settings
from common.jobs.retention import Stored
from common.jobs.store import JobStore
from common.publishing.storage import Storage

log = get_logger("retention")


@dataclass
class SoberClock:
    """The wall's time, but never further on than our own: who sets it forward makes nothing old."""

    wall: Callable[[], float] = time.time
    own: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        self._ahead = self.wall() - self.own()

    def __call__(self) -> float:
        """Seconds since the epoch."""
        return min(self.wall(), self.own() + self._ahead)


@dataclass
class Retention:
    """Of one service's files."""

    store: JobStore
    storage: Storage
    settings: Settings
    clock: Callable[[], float] = field(default_factory=SoberClock)

    def run(self, stop: threading.Event) -> None:
        """Look again and again until it is stopped. Blocks. Raises Stopped."""
        while not stop.wait(self.settings.retention_seconds):
            try:
                self.round(stop)
            except (OSError, VideosDGXError) as exc:  # the disk, or the database: better next time
                log.warning("old files stay for now", extra={"reason": str(exc)})
        raise Stopped

    def round(self, stop: threading.Event) -> None:
        """Remove what is over a limit now. Raises Stopped, and as the disk and the store do."""
        settings = self.settings
        self._measure(stop)
        if settings.keep_days is not None:
            before = self.clock() - settings.keep_days * 86400
            self._remove(stop, "age", jobs=None, ended_before=before)
        shelf = self.store.shelf()
        jobs = 0 if settings.keep_jobs is None else shelf.amount - settings.keep_jobs
        size = 0 if settings.keep_gb is None else shelf.size - int(settings.keep_gb * GIB)
        self._remove(stop, "number and size", jobs=jobs, size=size)
        if settings.keep_gb_per_owner is not None:
            most = int(settings.keep_gb_per_owner * GIB)
            for owner, size in self.store.owners_over(most).items():
                self._remove(stop, "size of the owner", size=size - most, owner=owner)
        if settings.keep_free_gb is not None:
            short = int(settings.keep_free_gb * GIB) - self.storage.free_bytes()
            self._remove(stop, "room", size=short)

    def _measure(self, stop: threading.Event) -> None:
        """Write down what new files take."""
        while found := self.store.unmeasured(AT_ONCE):
            _go_on(stop)
            folders = {job_id: self.storage.folder(name) for job_id, name in found.items()}
            self.store.measured({job_id: size_of(folder) for job_id, folder in folders.items()})

    def _remove(
        self,
        stop: threading.Event,
        why: str,
        *,
        jobs: int | None = 0,
        size: int = 0,
        ended_before: float | None = None,
        owner: str | None = None,
    ) -> None:
        """The oldest, until so many ``jobs`` (None: all) and so many bytes have gone."""
        gone = freed = 0
        while jobs is None or gone < jobs or freed < size:
            _go_on(stop)
            oldest = self.store.oldest(AT_ONCE, ended_before=ended_before, owner=owner)
            some = oldest if jobs is None else _first(oldest, jobs - gone, size - freed)
            if not (told := set(self.store.expire([one.id for one in some]))):
                break
            for one in (one for one in some if one.id in told):
                self._take_away(one)
                gone, freed = gone + 1, freed + one.size
        if gone:
            log.info("old files removed", extra={"jobs": gone, "bytes": freed, "because_of": why})

    def _take_away(self, one: Stored) -> None:
        try:
            self.storage.take_away(one.folder)
        except (OSError, ValueError) as exc:  # the next start finds it
            log.warning("files stay for now", extra={"job_id": one.id, "reason": str(exc)})


def size_of(folder: Path | None) -> int:
    """Bytes of a folder's files; 0 where it has gone."""
    try:
        return sum(file.stat().st_size for file in folder.iterdir()) if folder else 0
    except FileNotFoundError:
        return 0


def _first(oldest: Sequence[Stored], jobs: int, size: int) -> list[Stored]:
    """As few of them as are enough."""
    taken, freed = list[Stored](), 0
    for one in oldest:
        if len(taken) >= jobs and freed >= size:
            break
        taken.append(one)
        freed += one.size
    return taken


def _go_on(stop: threading.Event) -> None:
    if stop.is_set():
        raise Stopped
