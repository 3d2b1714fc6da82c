"""After a start: uploads that no job needs.

An upload goes when its job's record says so: it was removed, or cancelled. One whose job is not
known stays: the database may be an older one. It is set aside, comes back with its job, and goes
after `KEPT_DAYS`, since it may also be what a request has left that was cut short.
"""

import os
import re
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from common.base.chores import in_steps
from common.jobs.states import JobState
from common.jobs.store import JobStore
from common.publishing.arrivals import Arrivals
from common.publishing.folders import names_in
from common.publishing.storage import UNCLAIMED

KEPT_DAYS = 30
"""What is set aside stays so long."""
_NAME = re.compile(r"[0-9a-f]{32}(\.\w+)+")


@dataclass
class Uploads:
    """How many files were removed, set aside, and put back."""

    uploads_removed: int = 0
    uploads_set_aside: int = 0
    uploads_put_back: int = 0


def sweep_uploads(
    store: JobStore, inputs: Path, arrivals: Arrivals, stop: threading.Event
) -> Uploads:
    """Look at every upload once. Raises Stopped."""
    sweep = _Sweep(store, inputs, arrivals)
    for names in in_steps(names_in(inputs), stop):
        sweep.settle([name for name in names if _NAME.fullmatch(name)])
    for names in in_steps(names_in(sweep.aside), stop):
        sweep.settle_set_aside(names)
    return sweep.done


class _Sweep:
    def __init__(self, store: JobStore, inputs: Path, arrivals: Arrivals) -> None:
        self._store = store
        self._inputs = inputs
        self._arrivals = arrivals
        self.aside = inputs / UNCLAIMED
        self.done = Uploads()

    def settle(self, names: Sequence[str]) -> None:
        # Before the table is read: what is on its way no more is in the table by then, or gone.
        waiting = [name for name in names if name not in self._arrivals]
        known, needless = self._judged(waiting)
        for name in waiting:
            if name in needless:
                self._remove(self._inputs / name)
            elif name not in known:
                self._set_aside(name)

    def settle_set_aside(self, names: Sequence[str]) -> None:
        known, needless = self._judged(names)
        for name in names:
            path = self.aside / name
            if name in needless or (name not in known and _days(path) > KEPT_DAYS):
                self._remove(path)
            elif name in known:
                path.rename(self._inputs / name)
                self.done.uploads_put_back += 1

    def _judged(self, names: Sequence[str]) -> tuple[set[str], set[str]]:
        """Which belong to a job with a row, and which may go."""
        job_ids = {name: name.partition(".")[0] for name in names}
        rows = self._store.files_of(set(job_ids.values()))
        removed = self._store.deleted(set(job_ids.values()) - rows.keys())
        known = {name for name, job_id in job_ids.items() if job_id in rows}
        cancelled = {name for name in known if rows[job_ids[name]].state is JobState.CANCELLED}
        return known, cancelled | {name for name in names if job_ids[name] in removed}

    def _set_aside(self, name: str) -> None:
        self.aside.mkdir(exist_ok=True)
        path = (self._inputs / name).rename(self.aside / name)
        os.utime(path)  # its days there begin now
        self.done.uploads_set_aside += 1

    def _remove(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        self.done.uploads_removed += 1


def _days(path: Path) -> float:
    return (time.time() - path.stat().st_mtime) / 86_400
