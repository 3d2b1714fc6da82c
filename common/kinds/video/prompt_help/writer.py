"""Who rewrites prompts, and that there may be no answer."""

from collections.abc import Callable
from typing import Protocol


class NoHelp(Exception):
    """There is no answer; why, in words of our own, which clients read."""


class Writer(Protocol):
    """Who is asked: see ``common.kinds.video.prompt_help.endpoint``."""

    def answer(self, prompt: str, seed: int, look: Callable[[], None]) -> str:
        """What it makes of a prompt. Raises NoHelp, and what ``look`` raises."""
