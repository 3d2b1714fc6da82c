"""Old files go: by age, number and size, and before the disk is full. Off unless a setting says so.

The row is told first, and then the folder goes in one step: a crash in between leaves files of a
job that has none, which the sweep of the next start removes. Nobody is ever shown half of them.
"""

import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from common.base.chores import AT_ONCE, Stopped
from common.base.errors import VideosDGXError
from common.base.logs import get_logger
from common.base.settings import GIB, Settings
from common.jobs.retention import OnDisk
from common.jobs.store import JobStore
from common.publishing.storage import Storage

log = get_logger("retention")

ROOM_AT_ONCE = 10
"""Jobs whose files go in one look to make room: other services look at the same disk."""


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


ALL = sys.maxsize


@dataclass(frozen=True)
class Over:
    """A limit that is passed: so many jobs' files have to go, and so many bytes."""

    why: str
    jobs: int = 0
    size: int = 0
    most: int = ALL
    """Jobs whose files go in one look."""
    ended_before: float | None = None
    owner: str | None = None


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
        self._measure(stop)
        for look in (self._old, self._many, self._owners, self._short):
            for over in look():
                self._remove(over, stop)

    def _old(self) -> Iterator[Over]:
        if (days := self.settings.keep_days) is not None:
            yield Over("age", jobs=ALL, ended_before=self.clock() - days * 86400)

    def _many(self) -> Iterator[Over]:
        jobs, gb, shelf = self.settings.keep_jobs, self.settings.keep_gb, self.store.shelf()
        yield Over(
            "number and size",
            jobs=0 if jobs is None else shelf.amount - jobs,
            size=0 if gb is None else shelf.size - int(gb * GIB),
        )

    def _owners(self) -> Iterator[Over]:
        if (gb := self.settings.keep_gb_per_owner) is not None:
            most = int(gb * GIB)
            for owner, size in self.store.owners_over(most).items():
                yield Over("size of the owner", size=size - most, owner=owner)

    def _short(self) -> Iterator[Over]:
        if (gb := self.settings.keep_free_gb) is not None:
            yield Over("room", size=int(gb * GIB) - self.storage.free_bytes(), most=ROOM_AT_ONCE)

    def _measure(self, stop: threading.Event) -> None:
        """Write down what new files take."""
        while found := self.store.unmeasured(AT_ONCE):
            _go_on(stop)
            folders = {job_id: self.storage.folder(name) for job_id, name in found.items()}
            self.store.measured({job_id: size_of(folder) for job_id, folder in folders.items()})

    def _remove(self, over: Over, stop: threading.Event) -> None:
        """The oldest, until it is over no more, or nothing may go."""
        gone: list[OnDisk] = []
        while some := self._next(over, gone):
            _go_on(stop)
            told = set(self.store.expire([one.id for one in some]))
            for one in (one for one in some if one.id in told):
                self._take_away(one)
                gone.append(one)
            if not told:
                break
        if gone:
            size = sum(one.size for one in gone)
            log.info("old files removed", extra={"jobs": len(gone), "bytes": size, "for": over.why})

    def _next(self, over: Over, gone: Sequence[OnDisk]) -> Sequence[OnDisk]:
        jobs = over.jobs - len(gone)
        size = over.size - sum(one.size for one in gone)
        limit = min(AT_ONCE, over.most - len(gone))
        if limit == 0 or (jobs <= 0 and size <= 0):
            return []
        oldest = self.store.oldest(limit, ended_before=over.ended_before, owner=over.owner)
        return _first(oldest, jobs, size)

    def _take_away(self, one: OnDisk) -> None:
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


def _first(oldest: Sequence[OnDisk], jobs: int, size: int) -> list[OnDisk]:
    """As few of them as are enough."""
    taken, freed = list[OnDisk](), 0
    for one in oldest:
        if len(taken) >= jobs and freed >= size:
            break
        taken.append(one)
        freed += one.size
    return taken


def _go_on(stop: threading.Event) -> None:
    if stop.is_set():
        raise Stopped
