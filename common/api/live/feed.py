"""What happens to jobs, for those who watch."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cached_property, partial

from common.api.live.following import Event, Feed, Following, Habits
from common.api.live.rounds import Pause
from common.api.routes.views import JobView, job_view, progress_of
from common.contract import Kind
from common.jobs.estimates.views import EtaView, moved
from common.jobs.model import Job, Progress
from common.jobs.states import JobState

HABITS = Habits(look_seconds=0.25, kept=256, remembered_seconds=60)


@dataclass(frozen=True)
class Sight:
    """A job as it was seen. Light: most of what is seen is no news, and is never shown."""

    kind: Kind
    job: Job
    live: Progress | None = None
    """What its worker said last."""
    position: int | None = None
    eta: EtaView | None = None

    def same(self, other: "Sight") -> bool:
        """Whether nothing is new.

        Clients count the seconds themselves: only an end that is no longer true is news.
        """
        return self._told() == other._told() and not moved(self.eta, other.eta)

    def _told(self) -> tuple[JobState, int | None, Progress]:
        progress = progress_of(self.job, self.live)
        if progress.seconds_left is not None:
            progress = progress.model_copy(update={"seconds_left": None})
        return self.job.state, self.position, progress


Read = Callable[[Collection[str]], Awaitable[Mapping[str, Sight]]]


@dataclass(frozen=True)
class Happening(Event):
    """One event of a job.

    ``kind`` is ``state`` where the job's state is new, ``progress`` where only its progress is;
    ``preview`` after one of them, where there is a new picture.
    """

    sight: Sight

    @cached_property
    def job(self) -> JobView:
        """The job as clients read it; made once, for however many."""
        seen = self.sight
        return job_view(seen.kind, seen.job, seen.live, seen.position, seen.eta)

    @cached_property
    def text(self) -> str:
        """That, as JSON."""
        return self.job.model_dump_json()


class Feeds(Following[Sight, Happening]):
    """The watched jobs of one service."""

    def __init__(self, read: Read, pause: Pause = asyncio.sleep) -> None:
        super().__init__(read, _publish, HABITS, pause)


def _publish(feed: Feed[Happening], seen: Sight) -> None:
    last = feed.last.sight if feed.last else None
    if last is not None and last.same(seen):
        return
    known = last is not None and last.job.state == seen.job.state
    _add(feed, "progress" if known else "state", seen)
    shown = progress_of(last.job, last.live).preview if last is not None else None
    if progress_of(seen.job, seen.live).preview not in (None, shown):
        _add(feed, "preview", seen)


def _add(feed: Feed[Happening], kind: str, seen: Sight) -> None:
    feed.add(partial(Happening, kind=kind, sight=seen), last=seen.job.ended)
