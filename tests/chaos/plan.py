"""What a run is made of: jobs of four kinds, and blows of three. One seed, one plan."""

import random
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["normal", "slow", "poison", "cancelled"]
Blow = Literal["worker", "api", "both"]

_MOMENTS = ("encoding_prompt", "denoising", "decoding")


@dataclass(frozen=True)
class Task:
    """A job to send. ``tag`` finds it again even if its answer was lost."""

    tag: str
    kind: Kind
    options: dict[str, Any]
    patience: float
    """Seconds from sending it to its cancel, where ``kind`` is cancelled."""

    @property
    def body(self) -> dict[str, Any]:
        """The request."""
        return {"prompt": self.tag, "num_frames": 17, "options": self.options}


def tasks(count: int, chance: random.Random) -> list[Task]:
    """Mostly ordinary jobs; every kind comes several times in a long run."""
    kinds: list[Kind] = ["normal", "slow", "cancelled", "poison"]
    weights = (60, 15, 17, 8)
    drawn = chance.choices(kinds, weights, k=count)
    return [_task(f"chaos {number}", kind, chance) for number, kind in enumerate(drawn)]


def blow(chance: random.Random) -> tuple[float, Blow]:
    """Seconds to wait, and whom to kill then."""
    kinds: list[Blow] = ["worker", "api", "both"]
    return chance.uniform(0.1, 2.5), chance.choices(kinds, (5, 3, 2))[0]


def _task(tag: str, kind: Kind, chance: random.Random) -> Task:
    options: dict[str, Any] = {"step_seconds": chance.uniform(0, 0.02)}
    if kind == "slow":
        options = {"step_seconds": chance.uniform(0.05, 0.2), "chunk_seconds": 0.05}
    elif kind == "poison":
        options = {"die_at": chance.choice(_MOMENTS)}
    return Task(tag, kind, options, patience=chance.uniform(0, 3))
