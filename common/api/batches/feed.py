"""Batches as they happen, for those who watch: one look at the store for all of them.

Simpler than the feed of a job (``common.api.live.feed``): every event is the whole batch, so a
client that comes back needs the last one only, and none are kept.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from common.api.batches.views import BatchView, ended
from common.api.door.event_ids import Series
from common.api.live.rounds import Pause, Rounds

LOOK_SECONDS = 0.5
"""Between looks at the batches; what changes within one is seen as its last state."""

Read = Callable[[Collection[str]], Awaitable[Mapping[str, BatchView]]]


@dataclass(frozen=True)
class News:
    """One event: ``number`` grows in its feed; ``id`` is what a client that comes back sends."""

    number: int
    id: str
    kind: str
    """``state`` where the state of the batch is new, else ``progress``."""
    batch: BatchView

    @cached_property
    def text(self) -> str:
        """The batch as JSON; made once, for however many."""
        return self.batch.model_dump_json()


@dataclass
class _Watch:
    """One batch that somebody watches."""

    series: Series = field(default_factory=Series)
    number: int = 0
    last: News | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    over: bool = False
    watchers: int = 0

    def publish(self, batch: BatchView) -> bool:
        """Tell everybody, unless nothing has changed; answers whether something has."""
        known = self.last.batch if self.last else None
        if batch is known or batch == known:
            return False
        self.number += 1
        kind = "progress" if known and known.state is batch.state else "state"
        self.over = ended(batch.state)
        self.last = News(self.number, self.series.id(self.number, last=self.over), kind, batch)
        self.wake()
        return True

    def end(self) -> bool:
        """Nothing more will happen: the batch was deleted."""
        self.over = True
        self.wake()
        return True

    def wake(self) -> None:
        """Let everybody look again."""
        self.changed.set()
        self.changed = asyncio.Event()


class BatchFeeds:
    """The watched batches of one service."""

    def __init__(self, read: Read, pause: Pause = asyncio.sleep) -> None:
        self._watches: dict[str, _Watch] = {}
        self._rounds = Rounds(read, self._watched, self._tell, LOOK_SECONDS, pause)
        self._closed = False

    def close(self) -> None:
        """End all streams, so that the server can stop; browsers come back by themselves."""
        self._closed = True
        for watch in self._watches.values():
            watch.wake()

    async def follow(self, batch_id: str, after: str | None = None) -> AsyncIterator[News]:
        """Yield a batch at once and at each change, until all its jobs have ended.

        Args:
            batch_id: a batch that exists.
            after: the id of the last event that the client has seen; it is not sent again.
        """
        watch = self._join(batch_id)
        seen = watch.series.seen(after, watch.number)
        watch.watchers += 1
        try:
            while True:
                changed = watch.changed
                if watch.last is not None and watch.last.number != seen:
                    seen = watch.last.number
                    yield watch.last
                elif watch.over or self._closed:
                    return
                else:
                    await changed.wait()
        finally:
            watch.watchers -= 1
            if not watch.watchers:
                self._drop(batch_id, watch)

    def _join(self, batch_id: str) -> _Watch:
        watch = self._watches.get(batch_id)
        if watch is None:
            watch = self._watches[batch_id] = _Watch()
            self._rounds.begin(batch_id)
        return watch

    def _drop(self, batch_id: str, watch: _Watch) -> None:
        """It has ended, or nobody watches: the next who does, as after a retry, begins anew."""
        if self._watches.get(batch_id) is watch:
            del self._watches[batch_id]

    def _watched(self) -> list[str]:
        return list(self._watches)

    def _tell(self, batch_id: str, seen: BatchView | None) -> bool:
        watch = self._watches.get(batch_id)
        if watch is None:  # nobody waited for the answer
            return False
        news = watch.end() if seen is None else watch.publish(seen)
        if watch.over:
            self._drop(batch_id, watch)
        return news
