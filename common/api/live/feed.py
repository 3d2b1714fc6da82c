"""What happens to jobs, for those who watch: one look at the store for all watchers of all jobs."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from common.api.door.event_ids import Series
from common.api.live.rounds import Pause, Rounds
from common.api.routes.views import JobView, job_view, progress_of
from common.contract import Kind
from common.jobs.estimates.views import EtaView, moved
from common.jobs.model import Job, Progress
from common.jobs.states import JobState

LOOK_SECONDS = 0.25
"""Between looks at the jobs; progress within one is seen as its last word."""
KEPT = 256
"""Events of a job that are kept for clients that come back."""
REMEMBERED_SECONDS = 60.0
"""After a job's end."""


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
class Happening:
    """One event: ``number`` grows in its feed; ``id`` is what a client that comes back sends."""

    number: int
    id: str
    kind: str
    """``state`` where the job's state is new, ``progress`` where only its progress is; ``preview``
    after one of them, where there is a new picture."""
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


@dataclass
class _Feed:
    """One job's events."""

    series: Series = field(default_factory=Series)
    number: int = 0
    events: deque[Happening] = field(default_factory=lambda: deque(maxlen=KEPT))
    news: asyncio.Event = field(default_factory=asyncio.Event)
    over: bool = False

    def publish(self, seen: Sight) -> bool:
        """Add an event, unless nothing has changed; answers whether something has."""
        last = self.events[-1].sight if self.events else None
        if last is not None and last.same(seen):
            return False
        known = last is not None and last.job.state == seen.job.state
        self._add("progress" if known else "state", seen)
        shown = progress_of(last.job, last.live).preview if last is not None else None
        if progress_of(seen.job, seen.live).preview not in (None, shown):
            self._add("preview", seen)
        self.over = seen.job.ended
        self.wake()
        return True

    def end(self) -> bool:
        """Nothing more will happen: the job was deleted."""
        self.over = True
        self.wake()
        return True

    def _add(self, kind: str, seen: Sight) -> None:
        self.number += 1
        event_id = self.series.id(self.number, last=seen.job.ended)
        self.events.append(Happening(self.number, event_id, kind, seen))

    def wake(self) -> None:
        """Let everybody look again."""
        self.news.set()
        self.news = asyncio.Event()


class Feeds:
    """The feeds of one service; a job is looked at until it has ended, once it was watched."""

    def __init__(self, read: Read, pause: Pause = asyncio.sleep) -> None:
        self._pause = pause
        self._feeds: dict[str, _Feed] = {}
        self._forgetting: set[asyncio.Task[None]] = set()
        self._rounds = Rounds(read, self._watched, self._tell, LOOK_SECONDS, pause)
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether the service is about to stop."""
        return self._closed

    def close(self) -> None:
        """End all streams, so that the server can stop; browsers come back by themselves."""
        self._closed = True
        for feed in self._feeds.values():
            feed.wake()

    async def follow(self, job_id: str, after: str | None = None) -> AsyncIterator[Happening]:
        """Yield what happens to a job until it has ended; from its present state on.

        Args:
            job_id: a job that exists.
            after: the id of the last event that the client has seen; later ones are repeated, as
                far as they are kept. Where none is newer, the client gets nothing twice; where
                the id is not of this feed, it gets all that there is.
        """
        feed = self._join(job_id)
        seen = feed.series.seen(after, feed.number)
        while True:
            news = feed.news
            for event in tuple(feed.events):
                if event.number > seen:
                    seen = event.number
                    yield event
            if feed.over or self._closed:
                return
            await news.wait()

    def _join(self, job_id: str) -> _Feed:
        feed = self._feeds.get(job_id)
        if feed is None:
            feed = self._feeds[job_id] = _Feed()
            self._rounds.begin(job_id)
        return feed

    def _watched(self) -> list[str]:
        return [job_id for job_id, feed in self._feeds.items() if not feed.over]

    def _tell(self, job_id: str, seen: Sight | None) -> bool:
        feed = self._feeds.get(job_id)
        if feed is None or feed.over:  # its end was told while this look waited for its turn
            return False
        news = feed.end() if seen is None else feed.publish(seen)
        if feed.over:
            task = asyncio.create_task(self._forget(job_id))
            self._forgetting.add(task)
            task.add_done_callback(self._forgetting.discard)
        return news

    async def _forget(self, job_id: str) -> None:
        """After a while: a client that lost its way comes back."""
        await self._pause(REMEMBERED_SECONDS)
        self._feeds.pop(job_id, None)
