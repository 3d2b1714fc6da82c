"""What a run is made of: jobs of four kinds, and a deck of blows. One seed, one plan."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

T = TypeVar("T")
Kind = Literal["normal", "slow", "poison", "cancelled"]

_MOMENTS = ("encoding_prompt", "denoising", "decoding")


@dataclass(frozen=True)
class Task:
    """A job to send. ``tag`` is its prompt and its Idempotency-Key."""

    tag: str
    kind: Kind
    options: dict[str, Any]
    patience: float
    """Seconds from sending it to its cancel, where ``kind`` is cancelled."""
    again: bool = False
    """Whether it is sent a second time later, by a client that forgot the answer."""
    watched: bool = False
    """Whether somebody follows its events to their end."""
    priority: str = "normal"

    @property
    def body(self) -> dict[str, Any]:
        """The request."""
        request = {"prompt": self.tag, "num_frames": 17, "options": self.options}
        return request | {"priority": self.priority}


def tasks(count: int, chance: random.Random) -> list[Task]:
    """Mostly ordinary jobs; every kind comes several times in a long run."""
    kinds: list[Kind] = ["normal", "slow", "cancelled", "poison"]
    weights = (50, 27, 18, 5)
    drawn = chance.choices(kinds, weights, k=count)
    return [_task(f"chaos-{number}", kind, chance) for number, kind in enumerate(drawn)]


def deck(blows: Sequence[T], chance: random.Random) -> Iterator[T]:
    """Every blow once in an order of its own, then again in another, without end."""
    while blows:
        yield from chance.sample(blows, len(blows))


def _task(tag: str, kind: Kind, chance: random.Random) -> Task:
    options: dict[str, Any] = {"step_seconds": chance.uniform(0, 0.02)}
    if kind == "slow":
        options = {"step_seconds": chance.uniform(0.1, 0.3), "chunk_seconds": 0.05}
    elif kind == "poison":
        options = {"die_at": chance.choice(_MOMENTS)}
    patience, again, watched = chance.uniform(0, 3), chance.random() < 0.3, chance.random() < 0.3
    return Task(tag, kind, options, patience, again, watched)
