"""Prompt help by an endpoint, before a job has memory or the GPU: others need not wait for it."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from common.base.settings import Settings
from common.contract import Prepared, Preparer
from common.kinds.video.prompt_help.outcome import helped, unhelped
from common.kinds.video.prompt_help.words import cleaned
from common.kinds.video.prompt_help.writer import NoHelp, Writer
from common.kinds.video.resolved import ResolvedRequest

SLOW_SECONDS = 5.0
REST_SECONDS = 60.0
"""After it failed slowly: the jobs that come next do not wait for it as well."""
WAITING = "prompt help"


@dataclass
class PromptHelp(Preparer):
    """Of one worker. ``endpoint`` is None where jobs wait for one that was taken away since."""

    endpoint: Writer | None
    clock: Callable[[], float] = time.monotonic
    _rests_until: float = field(default=float("-inf"), init=False)

    @classmethod
    def of(cls, settings: Settings) -> "PromptHelp":
        """With the endpoint that the settings name, if they do. Raises SettingsError."""
        if settings.prompt_help_url is None:
            return cls(None)
        from common.kinds.video.prompt_help.endpoint import open_endpoint

        return cls(open_endpoint(settings))

    def prepare(
        self, request: ResolvedRequest, _inputs: Path, wait: Callable[[str], None]
    ) -> Prepared | None:
        """The prompt in its words, or a note why not: a job is never lost to it."""
        if not request.awaits_help:
            return None
        if self.endpoint is None:
            return unhelped("this service has none any more")
        began = self.clock()
        if began < self._rests_until:
            return unhelped("it failed a moment ago")
        try:
            answer = self.endpoint.answer(request.prompt, request.seed, partial(wait, WAITING))
        except NoHelp as exc:
            if (now := self.clock()) - began > SLOW_SECONDS:
                self._rests_until = now + REST_SECONDS
            return unhelped(str(exc))
        return helped(cleaned(answer))
