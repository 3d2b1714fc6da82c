"""What happens to jobs, for those who watch: one look at the store for all watchers of a job."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

from common.api.eta_views import moved
from common.api.event_ids import Series
from common.api.views import JobView
from common.errors import JobNotFound, VideosDGXError
from common.jobs.model import Progress
from common.jobs.states import ENDED, JobState
from common.logs import get_logger

log = get_logger("api")

LOOK_SECONDS = 0.25
"""Between looks at a job; progress within one is seen as its last word."""
KEPT = 256
"""Events of a job that are kept for clients that come back."""
REMEMBERED_SECONDS = 60.0
"""After a job's end."""

Read = Callable[[str], Awaitable[JobView]]
Pause = Callable[[float], Awaitable[None]]


@dataclass(frozen=True)
class Happening:
    """One event: ``number`` grows in its feed; ``id`` is what a client that comes back sends."""

    number: int
    id: str
    kind: str
    """``state`` where the job's state is new, ``progress`` where only its progress is; ``preview``
    after one of them, where there is a new picture."""
    job: JobView


@dataclass
class _Feed:
    """One job's events."""

    series: Series = field(default_factory=Series)
    number: int = 0
    events: deque[Happening] = field(default_factory=lambda: deque(maxlen=KEPT))
    news: asyncio.Event = field(default_factory=asyncio.Event)
    over: bool = False
    task: "asyncio.Task[None] | None" = None

    def publish(self, job: JobView) -> None:
        """Add an event, unless nothing has changed."""
        last = self.events[-1].job if self.events else None
        if last is not None and _same(last, job):
            return
        self._add("progress" if last is not None and last.state == job.state else "state", job)
        shown = last.progress.preview if last is not None else None
        if job.progress.preview not in (None, shown):
            self._add("preview", job)
        self.over = job.state in ENDED
        self.wake()

    def _add(self, kind: str, job: JobView) -> None:
        self.number += 1
        self.events.append(Happening(self.number, self.series.id(self.number), kind, job))

    def wake(self) -> None:
        """Let everybody look again."""
        self.news.set()
        self.news = asyncio.Event()


class Feeds:
    """The feeds of one service; a job is looked at while somebody watches it."""

    def __init__(self, read: Read, pause: Pause = asyncio.sleep) -> None:
        self._read = read
        self._pause = pause
        self._feeds: dict[str, _Feed] = {}
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
        feed = self._feeds.setdefault(job_id, _Feed())
        if feed.task is None:
            feed.task = asyncio.create_task(self._watch(job_id, feed))
        return feed

    async def _watch(self, job_id: str, feed: _Feed) -> None:
        """Look until the job has ended, whoever watches: a client that lost its way comes back."""
        try:
            while not feed.over:
                await self._look(job_id, feed)
                await self._pause(LOOK_SECONDS)
            await self._pause(REMEMBERED_SECONDS)
        finally:
            feed.over = True
            feed.wake()
            self._feeds.pop(job_id, None)

    async def _look(self, job_id: str, feed: _Feed) -> None:
        try:
            feed.publish(await self._read(job_id))
        except JobNotFound:  # deleted
            feed.over = True
            feed.wake()
        except VideosDGXError as exc:  # the database; it may answer again
            log.warning("cannot look at a job", extra={"reason": exc.body.message})


def _same(one: JobView, other: JobView) -> bool:
    """Clients count the seconds themselves: only an end that is no longer true is news."""
    return _told(one) == _told(other) and not moved(one.eta, other.eta)


def _told(job: JobView) -> tuple[JobState, Progress, int | None]:
    return job.state, job.progress.model_copy(update={"seconds_left": None}), job.queue_position
