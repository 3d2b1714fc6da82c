"""The job table of a run, read and damaged from outside; SQLite or PostgreSQL."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import NullPool, create_engine, text

from tests.live import LiveService


@dataclass(frozen=True)
class Table:
    """No connection is kept: a look is over when it returns."""

    service: LiveService
    postgres: str | None = None

    def rows(self, sql: str, **values: Any) -> list[tuple[Any, ...]]:
        """Read. Raises ``sqlalchemy.exc.OperationalError`` where it is locked."""
        with self._engine().connect() as connection:
            return [tuple(row) for row in connection.execute(text(sql), values)]

    def change(self, sql: str, **values: Any) -> int:
        """Write; answers how many rows were changed."""
        with self._engine().begin() as connection:
            return int(connection.execute(text(sql), values).rowcount)

    def _engine(self) -> Any:
        if self.postgres is not None:
            return create_engine(self.postgres, poolclass=NullPool)
        url = f"sqlite:///{self.service.database}"
        return create_engine(url, poolclass=NullPool, connect_args={"timeout": 1})
