"""Copies the job database now and then, while the service runs."""

import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from common.base.chores import Stopped
from common.base.errors import VideosDGXError
from common.base.locks import held
from common.base.logs import get_logger
from common.base.settings import GIB, Settings
from common.jobs.backup import DATABASE, LOCK, BackupFailed, backups_in, prune, write_backup
from common.jobs.damage import Soundness, is_damage
from common.jobs.online_copy import CopyStopped, connect, forget_notes

log = get_logger("backup")

FIRST_SECONDS = 60.0
"""A start has other things to do."""
RETRY_SECONDS = 600.0
"""After a copy that failed."""

Fingerprint = tuple[int, int, int]


@dataclass(eq=False)
class RollingBackup(Collector):
    """The copies of one service's database. ``clock`` is monotonic."""

    model: str
    settings: Settings
    soundness: Soundness
    clock: Callable[[], float] = time.monotonic
    failures: int = 0

    @classmethod
    def of(cls, model: str, settings: Settings, soundness: Soundness) -> "RollingBackup | None":
        """None where no copies are wanted, or the database is not a file of ours."""
        wanted = settings.database_url is None and settings.backup_every_hours
        return cls(model, settings, soundness) if wanted else None

    def __post_init__(self) -> None:
        self._database = self.settings.state_of(self.model) / DATABASE
        self._folder = self.settings.backups_of(self.model)
        self._every = self.settings.backup_every_hours * 3600
        self._age = self._age_on_disk()
        self._fresh_at = self.clock() - (self._age or 0.0)
        self._copied: Fingerprint | None = None

    def run(self, stop: threading.Event) -> None:
        """Until it is stopped. Blocks. Raises Stopped."""
        self._clean_up()
        left = 0.0 if self._age is None else self._every - self._age
        wait = max(left, min(self._every, FIRST_SECONDS))
        while not stop.wait(wait):
            wait = self._every if self._once(stop) else min(self._every, RETRY_SECONDS)
        raise Stopped

    def collect(self) -> Iterable[Metric]:
        """How old the newest copy is, and how many failed."""
        text = "Since the job database was last known to be in a backup; or since the start."
        age = GaugeMetricFamily("videosdgx_backup_age_seconds", text, labels=["model"])
        age.add_metric([self.model], self.clock() - self._fresh_at)
        text = "Backups of the job database that could not be made."
        failures = CounterMetricFamily("videosdgx_backup_failures", text, labels=["model"])
        failures.add_metric([self.model], self.failures)
        yield from (age, failures)

    def _once(self, stop: threading.Event) -> bool:
        """Whether all that is in the database is in a copy now."""
        if self._copied is not None and self._copied == _fingerprint(self._database):
            self._fresh_at = self.clock()
            return True
        try:
            self.soundness.refuse()
            self._check_room()
            with held(self._database.with_name(LOCK), timeout=1):
                self._copy(stop)
            prune(self._folder, self.settings.backups_kept)
        except CopyStopped:
            raise Stopped from None
        except (VideosDGXError, sqlite3.Error, OSError) as exc:
            self.failures += 1
            log.warning("the job database was not backed up", extra={"reason": str(exc)})
            if is_damage(exc):
                self.soundness.found(str(exc))
            return False
        return True

    def _copy(self, stop: threading.Event) -> None:
        began = self.clock()
        with closing(connect(self._database)) as source:
            seen = 0

            def on_moment() -> None:
                nonlocal seen
                seen = _data_version(source)

            path = write_backup(source, self._folder, stop, on_moment)
            copied = _fingerprint(self._database)
            # Somebody may have written since: then this is no longer what was copied.
            self._copied = copied if _data_version(source) == seen else None
        self._fresh_at = self.clock()
        seconds = round(self._fresh_at - began, 3)
        log.info("job database backed up", extra={"file": path.name, "seconds": seconds})

    def _check_room(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        needed = self._database.stat().st_size + self.settings.min_free_disk_gb * GIB
        free = shutil.disk_usage(self._folder).free
        if free < needed:
            raise BackupFailed(
                f"its disk has {free / GIB:.1f} GB free, and {needed / GIB:.1f} GB are needed"
            )

    def _clean_up(self) -> None:
        """What was left by a copy that was killed."""
        with (
            held(self._database.with_name(LOCK), timeout=FIRST_SECONDS),
            closing(connect(self._database)) as source,
        ):
            forget_notes(source)

    def _age_on_disk(self) -> float | None:
        """In seconds, of the newest; None where there is none."""
        newest = next(iter(backups_in(self._folder)), None)
        return (
            None if newest is None else max(0.0, (datetime.now(UTC) - newest.made).total_seconds())
        )


def _fingerprint(path: Path) -> Fingerprint:
    stat = path.stat()
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


def _data_version(connection: sqlite3.Connection) -> int:
    """Changes when another connection has written (https://sqlite.org/pragma.html#pragma_data_version)."""
    return int(connection.execute("PRAGMA main.data_version").fetchone()[0])
