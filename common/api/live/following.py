"""What changes, told to all who watch it: one look at the store for everything that is watched."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from common.api.door.event_ids import Series
from common.api.live.rounds import Pause, Rounds


@dataclass(frozen=True)
class Event:
    """One event: ``number`` grows in its feed; ``id`` is what a client that comes back sends."""

    number: int
    id: str
    kind: str


Told = TypeVar("Told", bound=Event)
Seen = TypeVar("Seen")


@dataclass(frozen=True)
class Habits:
    """How things of one kind are watched."""

    look_seconds: float
    """Between looks; what changes within one is seen as its last state."""
    kept: int
    """Events of each that are kept for clients that come back."""
    remembered_seconds: float | None = None
    """After its end, until which it is looked at once somebody has watched. None: it is looked at
    and remembered while somebody watches, and no longer."""


@dataclass
class Feed(Generic[Told]):
    """The events of one thing."""

    events: deque[Told]
    series: Series = field(default_factory=Series)
    number: int = 0
    over: bool = False
    watchers: int = 0
    news: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def last(self) -> Told | None:
        """The newest event."""
        return self.events[-1] if self.events else None

    def add(self, make: Callable[[int, str], Told], *, last: bool) -> None:
        """Tell everybody; ``make`` gets the event's number and id. None comes after the last."""
        self.number += 1
        self.events.append(make(self.number, self.series.id(self.number, last=last)))
        self.over = last
        self.wake()

    def end(self) -> None:
        """Nothing more will happen: it was deleted."""
        self.over = True
        self.wake()

    def wake(self) -> None:
        """Let everybody look again."""
        self.news.set()
        self.news = asyncio.Event()

    def after(self, number: int) -> list[Told]:
        """What has happened since, as far as it is kept."""
        return [event for event in self.events if event.number > number]


class Following(Generic[Seen, Told]):
    """The feeds of one service's things of one kind."""

    def __init__(
        self,
        read: Callable[[Collection[str]], Awaitable[Mapping[str, Seen]]],
        publish: Callable[[Feed[Told], Seen], None],
        habits: Habits,
        pause: Pause,
    ) -> None:
        """``read`` as for ``Rounds``; ``publish`` adds to a feed where what was seen is news."""
        self._publish = publish
        self._habits = habits
        self._pause = pause
        self._feeds: dict[str, Feed[Told]] = {}
        self._forgetting: set[asyncio.Task[None]] = set()
        self._rounds = Rounds(read, self._watched, self._tell, habits.look_seconds, pause)
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

    async def follow(self, name: str, after: str | None = None) -> AsyncIterator[Told]:
        """Yield what happens to it until its end; from its present state on.

        Args:
            name: of something that exists.
            after: the id of the last event that the client has seen; later ones are repeated, as
                far as they are kept. Where none is newer, the client gets nothing twice; where
                the id is not of this feed, it gets all that there is.
        """
        feed = self._join(name)
        seen = feed.series.seen(after, feed.number)
        feed.watchers += 1
        try:
            while True:
                news = feed.news
                for event in feed.after(seen):
                    seen = event.number
                    yield event
                if feed.number > seen:  # it went on while the client took those
                    continue
                if feed.over or self._closed:
                    return
                await news.wait()
        finally:
            feed.watchers -= 1
            if not feed.watchers and self._habits.remembered_seconds is None:
                self._drop(name, feed)

    def _join(self, name: str) -> Feed[Told]:
        feed = self._feeds.get(name)
        if feed is None:
            feed = self._feeds[name] = Feed(deque(maxlen=self._habits.kept))
            self._rounds.begin(name)
        return feed

    def _watched(self) -> list[str]:
        return [name for name, feed in self._feeds.items() if not feed.over]

    def _tell(self, name: str, seen: Seen | None) -> bool:
        feed = self._feeds.get(name)
        if feed is None or feed.over:  # nobody waited for the answer, or its end was told already
            return False
        told = feed.number
        if seen is None:
            feed.end()
        else:
            self._publish(feed, seen)
        if feed.over:
            self._forget(name, feed)
        return feed.over or feed.number > told

    def _forget(self, name: str, feed: Feed[Told]) -> None:
        """After a while: a client that lost its way comes back."""
        seconds = self._habits.remembered_seconds
        if seconds is None:
            self._drop(name, feed)
            return
        task = asyncio.create_task(self._forget_after(seconds, name, feed))
        self._forgetting.add(task)
        task.add_done_callback(self._forgetting.discard)

    async def _forget_after(self, seconds: float, name: str, feed: Feed[Told]) -> None:
        await self._pause(seconds)
        self._drop(name, feed)

    def _drop(self, name: str, feed: Feed[Told]) -> None:
        """The next who watches begins anew, as after a batch's retry."""
        if self._feeds.get(name) is feed:
            del self._feeds[name]
