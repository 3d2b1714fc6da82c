"""What is watched whole: every event is all of it.

So a client that comes back needs the last one only. What has ended may begin anew by a retry: it is
not remembered.
"""

import asyncio
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Generic, TypeVar

from pydantic import BaseModel

from common.api.live.following import Event, Feed, Following, Habits
from common.api.live.rounds import Pause

HABITS = Habits(look_seconds=0.5, kept=1)

View = TypeVar("View", bound=BaseModel)


@dataclass(frozen=True)
class News(Event, Generic[View]):
    """One event: ``state`` where its state is new, else ``progress``."""

    view: View

    @cached_property
    def text(self) -> str:
        """It as JSON; made once, for however many."""
        return self.view.model_dump_json()


class Wholes(Following[View, News[View]]):
    """The watched things of one kind of one service."""

    def __init__(
        self,
        read: Callable[[Collection[str]], Awaitable[Mapping[str, View]]],
        pause: Pause = asyncio.sleep,
    ) -> None:
        super().__init__(read, self._add, HABITS, pause)

    @staticmethod
    @abstractmethod
    def state(view: View) -> object:
        """What makes an event a ``state`` where it differs."""

    @staticmethod
    @abstractmethod
    def over(view: View) -> bool:
        """Whether nothing more happens to it."""

    def _add(self, feed: Feed[News[View]], view: View) -> None:
        known = feed.last.view if feed.last else None
        if view is known or view == known:
            return
        same = known is not None and self.state(known) == self.state(view)
        make = partial(News, kind="progress" if same else "state", view=view)
        feed.add(make, last=self.over(view))
