"""The line of unfinished jobs, and when each will be done. Pure: no clock, no store."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from common.jobs.states import CLAIMED, JobState

Mark = tuple[JobState, float | None, float | None]
"""A job's state, when it was claimed, and where it was moved to in the queue: where that is new,
the job has moved."""


@dataclass(frozen=True)
class Place:
    """One job in the line. ``left`` and ``run``: its own seconds, None where nobody knows."""

    job_id: str
    mark: Mark
    left: float | None
    run: float | None


@dataclass(frozen=True)
class Eta:
    """Seconds: until the job starts, of its whole run, and until its end."""

    queue_seconds: float
    run_seconds: float
    seconds_left: float

    def at_most(self, earlier: "Eta") -> "Eta":
        """This one, where ``earlier`` promised no less."""
        return Eta(
            min(self.queue_seconds, earlier.queue_seconds),
            self.run_seconds,
            min(self.seconds_left, earlier.seconds_left),
        )


@dataclass(frozen=True)
class Line:
    """All unfinished jobs in their order, as they were at one moment."""

    marks: Mapping[str, Mark]
    etas: Mapping[str, Eta | None]
    ahead: float | None = 0.0
    """Seconds of all of them together: when one that comes behind them starts."""

    def joined(self, place: Place) -> "Line":
        """The line with one more at its end; those before it are not looked at again."""
        return Line(
            {**self.marks, place.job_id: place.mark},
            {**self.etas, place.job_id: _eta(self.ahead, place)},
            _after(self.ahead, place),
        )

    @property
    def seconds(self) -> float | None:
        """Until a job that comes now would start; None where nobody knows."""
        etas = list(self.etas.values())
        known = [eta.seconds_left for eta in etas if eta is not None]
        return max(known, default=0.0) if len(known) == len(etas) else None


def line_up(places: Sequence[Place]) -> Line:
    """Each job starts when those before it are done. ``places`` are in order, the claimed first."""
    etas: dict[str, Eta | None] = {}
    ahead: float | None = 0.0
    for place in places:
        before = 0.0 if place.mark[0] in CLAIMED else ahead
        etas[place.job_id] = _eta(before, place)
        ahead = _after(ahead, place)
    return Line({place.job_id: place.mark for place in places}, etas, ahead)


def settled(now: Line, before: Line | None) -> Line:
    """What may be shown: no figure grows without a reason.

    A reason is a job that came, started, changed its state, was put back or moved, for itself and
    for all that stand behind it. Without one the old figure stays until the truth has come down to
    it.
    """
    if before is None:
        return now
    moved = False
    etas: dict[str, Eta | None] = {}
    for job_id, eta in now.etas.items():
        moved = moved or before.marks.get(job_id) != now.marks[job_id]
        old = before.etas.get(job_id)
        free = moved or eta is None or old is None
        etas[job_id] = eta if free or eta is None or old is None else eta.at_most(old)
    return Line(now.marks, etas, now.ahead)


def _after(ahead: float | None, place: Place) -> float | None:
    return None if ahead is None or place.left is None else ahead + place.left


def _eta(before: float | None, place: Place) -> Eta | None:
    if before is None or place.left is None or place.run is None:
        return None
    return Eta(before, place.run, before + place.left)
