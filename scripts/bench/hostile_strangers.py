"""Starts the processes in which the strangers are, and hears what became of them."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field

from scripts.bench.hostile_crowd import Crowd
from scripts.bench.hostile_wire import Outcome

FIRST_ADDRESS = 3
"""127.0.0.3; guests and the operator's probe have those before it."""


@dataclass
class Strangers:
    """They stand ready inside the block, and have come when ``begin`` was called."""

    _crowd: "subprocess.Popen[str]"
    _bodies: "subprocess.Popen[str]"
    visits: Counter[str] = field(default_factory=Counter)
    """How many connections each kind of the crowd made, and how many were ended."""
    outcomes: list[Outcome] = field(default_factory=list)
    """Of the hostile requests."""

    def begin(self) -> None:
        """Let them loose."""
        for child in (self._crowd, self._bodies):
            assert child.stdin is not None  # noqa: S101  # asked for below
            child.stdin.write("go\n")
            child.stdin.flush()

    def end(self) -> None:
        """Call them back."""
        outputs = [child.communicate()[0] for child in (self._crowd, self._bodies)]
        self.visits = Counter(json.loads(outputs[0]))
        self.outcomes = [Outcome(**outcome) for outcome in json.loads(outputs[1])]


@contextmanager
def strangers(
    port: int, crowd: Crowd, bodies: int, job: str, addresses: int
) -> Iterator[Strangers]:
    """``bodies`` hostile requests at once, and a crowd, each from so many addresses."""
    first, second = _addresses(0, addresses), _addresses(addresses, addresses)
    with ExitStack() as stack:
        people = json.dumps(asdict(crowd))
        yield Strangers(
            stack.enter_context(_child("crowd", str(port), people, *first)),
            stack.enter_context(_child("bodies", str(port), str(bodies), job, *second)),
        )


def _addresses(after: int, count: int) -> list[str]:
    numbers = range(FIRST_ADDRESS + after, FIRST_ADDRESS + after + count)
    return [f"127.0.{number // 250}.{number % 250}" for number in numbers]


@contextmanager
def _child(name: str, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", f"scripts.bench.hostile_{name}", *arguments]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None  # noqa: S101  # asked for above
    child.stdout.readline()
    try:
        yield child
    finally:
        child.kill()
        child.communicate()
