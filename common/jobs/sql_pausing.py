"""A queue that stands still, on SQLAlchemy Core."""

from sqlalchemy import delete, insert

from common.jobs.schema import pauses
from common.jobs.sql_base import SqlBase


class SqlPausing(SqlBase):
    """See ``common.jobs.pausing.Pausing``."""

    def pause(self) -> None:
        row = {"model": self.model, "since": self._clock()}
        with self._writing() as connection:
            self._one_writer(connection)
            if connection.execute(self._pause()).one_or_none() is None:
                connection.execute(insert(pauses), row)

    def resume(self) -> None:
        with self._writing() as connection:
            connection.execute(delete(pauses).where(pauses.c.model == self.model))

    def paused_since(self) -> float | None:
        with self._reading() as connection:
            return connection.execute(self._pause()).scalar_one_or_none()
