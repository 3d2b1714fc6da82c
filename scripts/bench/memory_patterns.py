"""Loads of a shared pool: jobs for four models of a Spark's size. Bytes are gigabytes here."""

from collections.abc import Callable
from random import Random

from common.memory.pool import Rules
from scripts.bench.memory_parts import Job, Service

TOTAL, FLOOR = 120, 9
RULES = Rules(floor_bytes=FLOOR, residence_seconds=30)
"""Of 128 GB some 120 are there for all; with a floor of 9 and its margin 109 are handed out."""

SERVICES = (
    Service("a", 45, 60),
    Service("b", 44, 50),
    Service("c", 28, 35),
    Service("d", 15, 20),
)
RUN_BYTES = {"a": 22, "b": 22, "c": 14, "d": 8}
JOBS = 8

Pattern = Callable[[Random], tuple[Job, ...]]


def alternating(random: Random) -> tuple[Job, ...]:
    """Two models that do not fit together, in turn."""
    return _jobs("abababab", lambda _: random.uniform(60, 300))


def bursts(random: Random) -> tuple[Job, ...]:
    """Many for one model, then many for another, then the first again."""
    return _jobs("aaabbbaa", lambda _: random.uniform(60, 300))


def mixed(random: Random) -> tuple[Job, ...]:
    """All four, at random, a job a minute."""
    names = "".join(random.choice("abcd") for _ in range(JOBS))
    return _jobs(names, lambda _: random.uniform(60, 600), every=60)


def short_and_long(random: Random) -> tuple[Job, ...]:
    """Many short ones of two small models, few long ones of two large ones."""
    names = "".join(random.sample("ccddcdab", JOBS))
    return _jobs(names, lambda name: random.uniform(*((400, 600) if name in "ab" else (60, 90))))


PATTERNS: dict[str, Pattern] = {
    "alternating": alternating,
    "bursts": bursts,
    "mixed": mixed,
    "short and long": short_and_long,
}


def _jobs(names: str, seconds: Callable[[str], float], every: float = 1) -> tuple[Job, ...]:
    """One after another, each with 5 s of encoding at its end; how long they take is known."""
    lengths = [round(seconds(name)) for name in names]
    return tuple(
        Job(name, index * every, RUN_BYTES[name], length, tail_seconds=5, expected=length)
        for index, (name, length) in enumerate(zip(names, lengths, strict=True))
    )
