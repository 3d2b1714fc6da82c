"""Keeps the background tasks of a service running, whatever goes wrong inside them."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from common.base.errors import VideosDGXError
from common.base.logs import get_logger

log = get_logger("api")

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0
"""The pause before a task is started again: doubled at each failure, as far as this."""
SOUND_SECONDS = 120.0
"""A task that lived for so long has got over what ended it before."""

Work = Callable[[], Awaitable[None]]


@dataclass(eq=False)
class Keeper:
    """Starts what an unforeseen error has ended again, and says so meanwhile.

    ``begun`` is told the name of each task, ``restarted`` at each failure. ``clock`` is monotonic.
    """

    restarted: Callable[[str], None] = lambda _name: None
    begun: Callable[[str], None] = lambda _name: None
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep
    clock: Callable[[], float] = time.monotonic
    _down: dict[str, str] = field(default_factory=dict)

    @property
    def down(self) -> Mapping[str, str]:
        """Tasks that do not run now: their names, and the kind of error that ended each."""
        return self._down

    async def keep(
        self, name: str, work: Work, longest_pause: float = LONGEST_PAUSE_SECONDS
    ) -> None:
        """Run ``work`` until it returns or is cancelled."""
        self.begun(name)
        failures = 0
        while True:
            began = self.clock()
            try:
                return await work()
            except Exception as exc:
                failures = 0 if self.clock() - began > SOUND_SECONDS else failures
                seconds = min(FIRST_PAUSE_SECONDS * 2**failures, longest_pause)
                unheard = not (isinstance(exc, VideosDGXError) and exc.told)
                log.error("%s failed; it starts again in %.0f s", name, seconds, exc_info=unheard)
                self._down[name] = type(exc).__name__
                self.restarted(name)
            failures = min(failures + 1, 10)
            await self.pause(seconds)
            del self._down[name]
