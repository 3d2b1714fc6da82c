"""What the run did to the service: the other side of every claim that is checked at the end."""

import threading
from collections import Counter
from dataclasses import dataclass, field

from tests.chaos.plan import Blow, Kind


@dataclass
class Ledger:
    """Filled by two threads, each with fields of its own."""

    # By the client
    kinds: dict[str, Kind] = field(default_factory=dict)
    """Every tag that was ever sent."""
    accepted: dict[str, str] = field(default_factory=dict)
    """Tags that got a 202, and their job's id."""
    cancels: set[str] = field(default_factory=set)
    """Tags whose cancel was sent, whatever came of it."""

    # By the killer
    blows: Counter[Blow] = field(default_factory=Counter)
    hits: Counter[str] = field(default_factory=Counter)
    """Kills of the worker while it held this job, by the job's id."""
    blind: int = 0
    """Kills of the worker in the midst of a commit, when nobody can see what it holds."""
    workers: set[int] = field(default_factory=set)

    all_sent: threading.Event = field(default_factory=threading.Event)

    def may_have_hit(self, job_id: str) -> int:
        """At most so many attempts of this job were ended by us."""
        return self.hits[job_id] + self.blind
