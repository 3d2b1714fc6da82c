"""Batches as they happen, for those who watch: one look at the store for all watchers of one.

Simpler than the feed of a job (``common.api.feed``): every event is the whole batch, so a client
that comes back needs the last one only, and none are kept.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

from common.api.batches.views import BatchView, ended
from common.api.event_ids import Series
from common.errors import BatchNotFound, VideosDGXError
from common.logs import get_logger

log = get_logger("api")

LOOK_SECONDS = 0.5
"""Between looks at a batch; what changes within one is seen as its last state."""

Read = Callable[[str], Awaitable[BatchView]]
Pause = Callable[[float], Awaitable[None]]


@dataclass(frozen=True)
class News:
    """One event: ``number`` grows in its feed; ``id`` is what a client that comes back sends."""

    number: int
    id: str
    kind: str
    """``state`` where the state of the batch is new, else ``progress``."""
    batch: BatchView


@dataclass
class _Watch:
    """One batch that somebody watches."""

    series: Series = field(default_factory=Series)
    number: int = 0
    last: News | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    over: bool = False
    watchers: int = 0
    task: "asyncio.Task[None] | None" = None

    def publish(self, batch: BatchView) -> None:
        """Tell everybody, unless nothing has changed."""
        known = self.last.batch if self.last else None
        if batch == known:
            return
        self.number += 1
        kind = "progress" if known and known.state is batch.state else "state"
        self.last = News(self.number, self.series.id(self.number), kind, batch)
        self.over = ended(batch.state)
        self.wake()

    def wake(self) -> None:
        """Let everybody look again."""
        self.changed.set()
        self.changed = asyncio.Event()


class BatchFeeds:
    """The watched batches of one service."""

    def __init__(self, read: Read, pause: Pause = asyncio.sleep) -> None:
        self._read = read
        self._pause = pause
        self._watches: dict[str, _Watch] = {}
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

    def _join(self, batch_id: str) -> _Watch:
        watch = self._watches.get(batch_id)
        if watch is None:
            watch = self._watches[batch_id] = _Watch()
            watch.task = asyncio.create_task(self._look_on(batch_id, watch))
        return watch

    async def _look_on(self, batch_id: str, watch: _Watch) -> None:
        """Until all its jobs have ended, or nobody watches any more."""
        try:
            while not watch.over and watch.watchers:
                await self._look(batch_id, watch)
                if not watch.over:
                    await self._pause(LOOK_SECONDS)
        finally:
            self._watches.pop(batch_id, None)  # a batch that is retried is watched anew
            watch.over = True
            watch.wake()

    async def _look(self, batch_id: str, watch: _Watch) -> None:
        try:
            watch.publish(await self._read(batch_id))
        except BatchNotFound:  # deleted
            watch.over = True
        except VideosDGXError as exc:  # the database; it may answer again
            log.warning("cannot look at a batch", extra={"reason": exc.body.message})
