"""What the run did to the service: the other side of every claim that is checked at the end."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from queue import SimpleQueue

from tests.chaos.plan import Kind


@dataclass
class Ledger:
    """Filled by several threads, each with fields of its own."""

    # By the client
    kinds: dict[str, Kind] = field(default_factory=dict)
    """Every tag that was ever sent."""
    accepted: dict[str, str] = field(default_factory=dict)
    """Tags that got a 202, and their job's id."""
    cancels: set[str] = field(default_factory=set)
    """Tags whose cancel was sent, whatever came of it."""
    answers: Counter[int] = field(default_factory=Counter)
    """What POST /generate answered, by status; 0 is no answer."""
    replays: int = 0
    """Tasks that were sent a second time."""
    to_watch: SimpleQueue[str] = field(default_factory=SimpleQueue)
    """Ids of jobs whose events somebody follows."""

    # By the killer
    blows: Counter[str] = field(default_factory=Counter)
    hits: Counter[str] = field(default_factory=Counter)
    """Kills of the worker while it held this job, by the job's id."""
    blind: int = 0
    """Kills of the worker in the midst of a commit, when nobody can see what it holds."""
    workers: set[int] = field(default_factory=set)
    planted: set[str] = field(default_factory=set)
    """Jobs whose record was made unreadable."""
    due: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    """How many more tasks the client may send now, so that there are some at each blow."""
    story: list[str] = field(default_factory=list)
    """Every blow, with the second of the run in which it fell."""

    # By everybody
    broken: Counter[str] = field(default_factory=Counter)
    """What was seen on the way that must not be, and how often."""
    first_seen: dict[str, float] = field(default_factory=dict)
    """In which second of the run."""
    began: float = field(default_factory=time.monotonic)
    all_sent: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)
    """Every job has ended: what still waits for something waits in vain."""
    _gone: int = 0
    _changes: int = 0

    def may_have_hit(self, job_id: str) -> int:
        """At most so many attempts of this job were ended by us."""
        return self.hits[job_id] + self.blind

    def wrong(self, text: str) -> None:
        """Note what must not be."""
        self.first_seen.setdefault(text, self.seconds)
        self.broken[text] += 1

    def tell(self, text: str) -> None:
        """Note what is done."""
        self.story.append(f"{self.seconds:6.1f} s  {text}")

    @property
    def seconds(self) -> float:
        """Since the run began."""
        return time.monotonic() - self.began

    def violations(self) -> list[str]:
        """What was seen on the way, each once."""
        return [
            f"at {self.first_seen[text]:.1f} s, {count} times: {text}"
            for text, count in self.broken.items()
        ]

    @contextmanager
    def absent(self) -> Iterator[None]:
        """While the killer ends, starts or pauses the API process: nobody must answer then."""
        self.leave()
        try:
            yield
        finally:
            self.come_back()

    def leave(self) -> None:
        """The API process is about to be ended or paused."""
        self._gone += 1
        self._changes += 1

    def come_back(self) -> None:
        """It answers again."""
        self._gone -= 1
        self._changes += 1

    @property
    def moment(self) -> int | None:
        """A number that changes whenever the API process leaves; None while it is away."""
        return None if self._gone else self._changes
