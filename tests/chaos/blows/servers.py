"""PostgreSQL: restarted like after a crash, and silent with all connections open."""

from dataclasses import dataclass, field

from tests.chaos.asking import MOST_SECONDS
from tests.chaos.ground import Ground
from tests.postgres import PostgresServer

SILENT_SECONDS = MOST_SECONDS + 1
"""Longer than an answer may take."""


@dataclass
class PostgresRestart:
    """It ends at once (``immediate``), and starts some seconds later."""

    name = "postgres-restart"
    ground: Ground
    _down: PostgresServer | None = field(default=None, init=False)

    def can(self) -> bool:
        return self.ground.postgres is not None

    def strike(self) -> float | None:
        assert self.ground.postgres is not None
        self._down = self.ground.postgres
        self._down.stop("immediate")
        return self.ground.chance.uniform(0, 4)

    def heal(self) -> None:
        if self._down is not None:
            self._down.start()
            self._down = None


@dataclass
class PostgresSilence:
    """It answers nothing (SIGSTOP)."""

    name = "postgres-silence"
    ground: Ground

    def can(self) -> bool:
        return self.ground.postgres is not None

    def strike(self) -> float | None:
        assert self.ground.postgres is not None
        self.ground.postgres.freeze()
        return SILENT_SECONDS

    def heal(self) -> None:
        if self.ground.postgres is not None:
            self.ground.postgres.thaw()
