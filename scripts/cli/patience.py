"""Waiting for a service that is away for a moment."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from scripts.cli.client import Json
from scripts.cli.errors import CliError


@dataclass(frozen=True)
class Patience:
    """How long a service may be away at a time, and how often it is asked meanwhile."""

    seconds: float = 60.0
    """A service that restarts is back within this."""
    pause: float = 1.0
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def ask(self, question: Callable[[], Json]) -> Json:
        """The answer, as soon as there is one.

        Raises:
            CliError: the service refuses, or is away for longer than that.
        """
        lost_at: float | None = None
        while True:
            try:
                return question()
            except CliError as exc:
                now = self.clock()
                lost_at = now if lost_at is None else lost_at
                if not exc.passing or now >= lost_at + self.seconds:
                    raise
            self.sleep(self.pause)
