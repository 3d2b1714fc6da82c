"""Pipelines as they happen, for those who watch. Every event is the whole pipeline."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cached_property, partial

from common.api.live.following import Event, Feed, Following, Habits
from common.api.live.rounds import Pause
from common.api.pipelines.views import PipelineView
from common.jobs.pipelines import UNFINISHED

HABITS = Habits(look_seconds=0.5, kept=1)

Read = Callable[[Collection[str]], Awaitable[Mapping[str, PipelineView]]]


@dataclass(frozen=True)
class News(Event):
    """One event: ``state`` where its state or its step is new, else ``progress``."""

    pipeline: PipelineView

    @cached_property
    def text(self) -> str:
        """The pipeline as JSON; made once, for however many."""
        return self.pipeline.model_dump_json()


class PipelineFeeds(Following[PipelineView, News]):
    """The watched pipelines of one service."""

    def __init__(self, read: Read, pause: Pause = asyncio.sleep) -> None:
        super().__init__(read, _publish, HABITS, pause)


def _publish(feed: Feed[News], pipeline: PipelineView) -> None:
    known = feed.last.pipeline if feed.last else None
    if pipeline == known:
        return
    same = known and (known.state, known.step) == (pipeline.state, pipeline.step)
    make = partial(News, kind="progress" if same else "state", pipeline=pipeline)
    feed.add(make, last=pipeline.state not in UNFINISHED)
