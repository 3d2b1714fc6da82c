"""Batches as they happen, for those who watch.

Every event is the whole batch, so a client that comes back needs the last one only. One that has
ended may be retried: it is not remembered.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cached_property, partial

from common.api.batches.views import BatchView, ended
from common.api.live.following import Event, Feed, Following, Habits
from common.api.live.rounds import Pause

HABITS = Habits(look_seconds=0.5, kept=1)

Read = Callable[[Collection[str]], Awaitable[Mapping[str, BatchView]]]


@dataclass(frozen=True)
class News(Event):
    """One event of a batch: ``state`` where its state is new, else ``progress``."""

    batch: BatchView

    @cached_property
    def text(self) -> str:
        """The batch as JSON; made once, for however many."""
        return self.batch.model_dump_json()


class BatchFeeds(Following[BatchView, News]):
    """The watched batches of one service."""

    def __init__(self, read: Read, pause: Pause = asyncio.sleep) -> None:
        super().__init__(read, _publish, HABITS, pause)


def _publish(feed: Feed[News], batch: BatchView) -> None:
    known = feed.last.batch if feed.last else None
    if batch is known or batch == known:
        return
    kind = "progress" if known and known.state is batch.state else "state"
    feed.add(partial(News, kind=kind, batch=batch), last=ended(batch.state))
