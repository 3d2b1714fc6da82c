"""When is a worker stuck? Pure bookkeeping; the clock is its user's, and monotonic."""

from dataclasses import dataclass, field

from common.base.settings import Settings
from common.contract import Phase
from common.jobs.model import Job


@dataclass(frozen=True)
class Verdict:
    """Why a worker must go. ``blame``: its job counts an attempt for it."""

    reason: str
    blame: bool


@dataclass
class Watch:
    """One worker's signs of life. Times are seconds of the watcher's clock."""

    settings: Settings
    last_beat: float
    last_progress: float
    phase: Phase | None = None
    cancelled: dict[str, float] = field(default_factory=dict)
    """Jobs being cancelled, and when their worker is stopped for not letting go."""
    left: set[str] = field(default_factory=set)
    """Jobs that the worker let go of: a cancel can arrive here after that."""
    leave_by: float | None = None
    evicted_at: float | None = None
    """Since when another model has been waiting for this one to make room."""

    def beat(self, now: float) -> None:
        """The process lives."""
        self.last_beat = now

    def progress(self, phase: Phase | None, now: float) -> None:
        """The job moved."""
        self.phase, self.last_progress = phase, now

    def job_left(self, job_id: str, others: bool = False) -> None:
        """The worker let go of a job; it may still be busy with ``others`` of the same batch."""
        self.phase = self.phase if others else None
        self.cancelled.pop(job_id, None)
        self.left.add(job_id)

    def cancel(self, job_id: str, now: float) -> None:
        """A job was cancelled; its worker has until its next step, within the grace."""
        if job_id not in self.left:
            self.cancelled.setdefault(job_id, now + self.settings.cancel_grace_seconds)

    def evicted(self, asked: bool, now: float) -> None:
        """Whether it is asked to make room."""
        if not asked:
            self.evicted_at = None
        elif self.evicted_at is None:
            self.evicted_at = now

    def overdue(self, now: float) -> Verdict | None:
        """Why the worker must be stopped now, if it must."""
        if self.leave_by is not None and now >= self.leave_by:
            return Verdict("it had to leave", blame=False)
        asked = 0.0 if self.evicted_at is None else now - self.evicted_at
        if asked > self.settings.eviction_seconds:
            return Verdict(f"it did not make room within {asked:.0f} s", blame=False)
        if any(now >= deadline for deadline in self.cancelled.values()):
            return Verdict("the job was cancelled", blame=False)
        silent = now - self.last_beat
        if silent > self.settings.heartbeat_timeout_seconds:
            return Verdict(f"it showed no life for {silent:.0f} s", blame=True)
        stuck = now - self.last_progress
        if self.phase is not None and stuck > self._limit(self.phase):
            return Verdict(f"it made no progress for {stuck:.0f} s in {self.phase}", blame=True)
        return None

    def _limit(self, phase: Phase) -> float:
        if phase is Phase.LOADING:
            return self.settings.loading_timeout_seconds
        if phase is Phase.ENCODING_VIDEO:
            return self.settings.encoding_timeout_seconds
        return self.settings.step_timeout_seconds


@dataclass
class Stalls:
    """Finds claims whose worker shows no life, by watching their beats on our own clock.

    A claim is stalled when its beat count stood still for a whole lease while we looked: no wall
    clock takes part, so a clock that jumps kills and duplicates nothing. Time in which we did not
    look (the database was silent, or we were stopped) does not count: no beat was to be seen.
    """

    lease_seconds: float
    _looked: float = 0.0
    _seen: dict[str, tuple[int, float]] = field(default_factory=dict)

    def among(self, claimed: list[Job], now: float) -> list[Job]:
        """Note the beats of all claimed jobs; answer those that are stalled."""
        claims = {job.token: job for job in claimed if job.token}
        stalled = self.observe({token: job.beats for token, job in claims.items()}, now)
        return [claims[token] for token in stalled]

    def observe(self, beats: dict[str, int], now: float) -> set[str]:
        """Note the beat count of every claim, by token; answer the stalled ones."""
        if now - self._looked > self.lease_seconds * 2 / 3:  # we look three times in a lease
            self._seen = {}
        self._looked = now
        self._seen = {
            token: self._seen[token]
            if self._seen.get(token, (-1, 0.0))[0] == count
            else (count, now)
            for token, count in beats.items()
        }
        return {token for token, (_, at) in self._seen.items() if now - at > self.lease_seconds}
