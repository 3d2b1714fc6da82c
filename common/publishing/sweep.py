"""After a start: the outputs folder and the job table are brought together.

The service answers and works meanwhile. What makes that safe: names are read from the disk first
and the table after that, and what goes is only what a record says may go, for good: the folder of a
job that was removed, was cancelled or has failed, and an earlier attempt's of a job that is
completed. None of that is ever taken back, so that no list can be too old for it.

Finished work is never deleted for want of a row. What the table does not know is taken back
from its manifest, or set aside; each is looked at twice before.
"""

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path
from secrets import token_hex
from typing import TypeVar

from common.base.chores import in_steps
from common.base.commands import typed
from common.base.errors import OutputsMismatch
from common.base.logs import get_logger
from common.jobs.custody import Files
from common.jobs.manifest import job_from
from common.jobs.model import Job
from common.jobs.states import ENDED
from common.jobs.store import JobStore
from common.publishing.arrivals import Arrivals
from common.publishing.folders import job_of
from common.publishing.storage import GONE, Storage
from common.publishing.sweep_uploads import sweep_uploads

log = get_logger("api")

T = TypeVar("T")

FORGOTTEN_AT_ONCE = 50_000
"""Notes of removed jobs that one start may drop; more would have to be held in memory."""


@dataclass(frozen=True)
class Swept:
    """Finished work without a row: how many got one back, and how many were set aside."""

    taken_back: int = 0
    set_aside: int = 0


def sweep_files(
    store: JobStore, storage: Storage, inputs: Path, arrivals: Arrivals, stop: threading.Event
) -> None:
    """Bring both together, and the uploads in ``inputs``. Blocks on the disk. Raises Stopped."""
    removed = store.removed(FORGOTTEN_AT_ONCE)
    outputs = OutputSweep(store, storage)
    swept = outputs.run(stop)
    uploads = sweep_uploads(store, inputs, arrivals, stop)
    stuck = {job_of(name) for name in outputs.stuck}  # without a note it would be taken back
    store.forget_removed([job_id for job_id in removed if job_id not in stuck])
    log.info("files swept", extra={**vars(swept), **vars(uploads)})


def share_identity(store: JobStore, storage: Storage, *, adopt: bool = False) -> None:
    """See that table and outputs bear the same name.

    Where one of them is new, it takes the other's name. ``adopt``: the table takes the outputs'
    whatever it had.

    Raises:
        OutputsMismatch: each has a name of its own.
    """
    ours, theirs = store.identity(), storage.identity()
    if ours is not None and ours == theirs:
        return
    if ours is not None and theirs is not None and not adopt:
        raise OutputsMismatch(
            f"The outputs of {store.model} belong to another job database than this one.",
            hint="Set OUTPUTS_DIR and STATE_DIR (or DATABASE_URL) to what belongs together. To "
            f"take these files into this database: {typed(f'recover {store.model} --adopt')}",
        )
    identity = theirs or ours or token_hex(16)
    store.set_identity(identity)
    storage.set_identity(identity)


def sweep_outputs(store: JobStore, storage: Storage, stop: threading.Event | None = None) -> Swept:
    """Look at every published and unfinished folder once; see the top of this file."""
    return OutputSweep(store, storage).run(stop or threading.Event())


class Verdict(Enum):
    """What is to become of a published folder."""

    KEEP = auto()
    REMOVE = auto()
    UNKNOWN = auto()
    """Its job has no row."""
    ASTRAY = auto()
    """Its job is completed, and neither these are its files nor where those should be."""


@dataclass
class OutputSweep:
    """One pass over the outputs."""

    store: JobStore
    storage: Storage
    set_aside: int = 0
    stuck: set[str] = field(default_factory=set)
    """Folders that could be neither moved nor removed."""
    _lost: list[tuple[float, str]] = field(default_factory=list)
    """Folders to be taken back, and when their jobs were accepted."""

    def run(self, stop: threading.Event) -> Swept:
        """All of it. Raises Stopped."""
        for names in in_steps(self.storage.folders(), stop):
            self.settle(names)
        taken_back = self.take_back(stop)
        for names in in_steps(self.storage.unfinished(), stop):
            self.clear_unfinished(names)
        for ids in in_steps(self.storage.previews.job_ids(), stop):
            self.clear_previews(ids)
        self.report(taken_back)
        return Swept(taken_back, self.set_aside)

    def settle(self, names: Sequence[str]) -> None:
        """Do with some published folders what is right, however old this list of them is."""
        doubtful = []
        for name, verdict in self._judged(names):
            if verdict is Verdict.REMOVE:
                self._do(self.storage.take_away, name)
            elif verdict is Verdict.UNKNOWN and (job := self._job_in(name)) is not None:
                self._lost.append((job.created_at, name))
            elif verdict is not Verdict.KEEP:
                doubtful.append(name)
        self._put_aside(doubtful)

    def take_back(self, stop: threading.Event) -> int:
        """Rows for the lost jobs, in the order in which they were asked for; answers how many.

        Where a job has several, the newest is its own.
        """
        newest: dict[str, str] = {}
        for _, name in sorted(self._lost, key=lambda lost: self.storage.published_at(lost[1])):
            newest[job_of(name)] = name
        self._put_aside([name for _, name in self._lost if newest[job_of(name)] != name])
        mine = (name for _, name in sorted(self._lost) if newest[job_of(name)] == name)
        count = 0
        for names in in_steps(mine, stop):
            found = (self._job_in(name) for name in names)
            count += self.store.restore([job for job in found if job is not None])
        return count

    def clear_unfinished(self, names: Sequence[str]) -> None:
        """Remove what was left of attempts and removals, but what may still be worked on."""
        known = self.store.files_of({job_of(name) for name in names})
        for name in names:
            row = known.get(job_of(name))
            if row is None or row.state in ENDED or name.endswith(GONE):
                self._do(self.storage.clear_unfinished, name)

    def clear_previews(self, job_ids: Iterable[str]) -> None:
        """Remove the pictures of jobs that are not being made."""
        ids = set(job_ids)
        known = self.store.files_of(ids)
        for job_id in ids:
            if job_id not in known or known[job_id].state in ENDED:
                self.storage.previews.remove(job_id)

    def report(self, taken_back: int) -> None:
        """Say what people should know of."""
        if taken_back:
            log.warning(
                "%d finished jobs were not in the job table, and are again. If the database was "
                "lost or an older one was put back, the jobs that were not finished are missing.",
                taken_back,
            )
        if self.set_aside:
            log.warning(
                "%d folders of the outputs belong to no job, and could not be taken back: their "
                "files are in %s there, and stay until somebody removes them.",
                self.set_aside,
                self.storage.unclaimed.name,
            )
        if self.stuck:
            stuck = len(self.stuck)
            log.warning("%d folders of the outputs could not be moved or removed.", stuck)

    def _judged(self, names: Sequence[str]) -> list[tuple[str, Verdict]]:
        ids = {job_of(name) for name in names}
        known = self.store.files_of(ids)
        removed = self.store.deleted(ids - known.keys())
        return [(name, self._verdict(name, known.get(job_of(name)), removed)) for name in names]

    def _verdict(self, name: str, row: Files | None, removed: set[str]) -> Verdict:
        if row is None:
            return Verdict.REMOVE if job_of(name) in removed else Verdict.UNKNOWN
        if row.needless:
            return Verdict.REMOVE
        if row.folder is None or row.folder == name:  # it may still be adopted, or is the one
            return Verdict.KEEP
        # An earlier attempt's, unless the files themselves were taken away from outside.
        return Verdict.REMOVE if self.storage.is_published(row.folder) else Verdict.ASTRAY

    def _put_aside(self, names: Sequence[str]) -> None:
        """After a second look: the job may have been removed between its row and its folder."""
        for name, verdict in self._judged(names):
            if verdict is Verdict.REMOVE:
                self._do(self.storage.take_away, name)
            elif verdict is not Verdict.KEEP and self._do(self.storage.set_aside, name):
                self.set_aside += 1

    def _job_in(self, folder: str) -> Job | None:
        manifest = self.storage.manifest(folder)
        if manifest is None or manifest.get("model") != self.store.model:
            return None
        return job_from(self.store.record, manifest, folder, self.storage.published_at(folder))

    def _do(self, act: Callable[[str], T], name: str) -> T | None:
        """One folder that cannot be moved holds up no other."""
        try:
            return act(name)
        except OSError:
            if not self.stuck:
                log.exception("a folder of the outputs cannot be moved or removed")
            self.stuck.add(name)
            return None
