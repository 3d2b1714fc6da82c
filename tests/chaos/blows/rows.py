"""The job table: rows that cannot be read, and somebody else's lock."""

import sqlite3
from dataclasses import dataclass, field

from sqlalchemy.exc import OperationalError

from tests.chaos.asking import MOST_SECONDS
from tests.chaos.ground import Ground

LOCKED_SECONDS = MOST_SECONDS + 1
"""Longer than an answer may take."""
DAMAGE = (
    ("queued", "resolved", "{"),
    ("queued", "adjustments", '{"fps": 16}'),
    ("completed", "result", '{"folder": 1}'),
    ("failed", "error", "1"),
)
"""Of a row in a state: a column, and what stands in it from then on."""


@dataclass
class Unreadable:
    """A row that this version cannot read."""

    name = "unreadable"
    ground: Ground

    def can(self) -> bool:
        return True

    def strike(self) -> float | None:
        chance = self.ground.chance
        for state, column, value in chance.sample(DAMAGE, len(DAMAGE)):
            if self._damaged(state, column, value):
                return 0
        return None

    def _damaged(self, state: str, column: str, value: str) -> bool:
        table = self.ground.table
        try:
            rows = table.rows("SELECT id FROM jobs WHERE state = :state", state=state)
            for (job_id,) in rows[:1]:
                self.ground.ledger.planted.add(job_id)
                self.ground.ledger.tell(f"  {column} of {job_id}, {state}")
                statement = f"UPDATE jobs SET {column} = :value WHERE id = :id AND state = :state"  # noqa: S608
                return table.change(statement, value=value, id=job_id, state=state) == 1
        except OperationalError:  # the service writes just now
            pass
        return False

    def heal(self) -> None:
        """It stays as it is."""


@dataclass
class Locked:
    """Another program holds SQLite's lock for longer than an answer may take."""

    name = "locked"
    ground: Ground
    _foreigner: sqlite3.Connection | None = field(default=None, init=False)

    def can(self) -> bool:
        return self.ground.postgres is None

    def strike(self) -> float | None:
        path = self.ground.service.database
        self._foreigner = sqlite3.connect(path, timeout=10, isolation_level=None)
        self._foreigner.execute("BEGIN EXCLUSIVE")
        return LOCKED_SECONDS

    def heal(self) -> None:
        if self._foreigner is not None:
            self._foreigner.close()
            self._foreigner = None
