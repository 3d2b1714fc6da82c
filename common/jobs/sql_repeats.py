"""The job store's side of making nothing twice, on SQLAlchemy Core."""

from secrets import token_hex
from typing import Any

from sqlalchemy import Connection, bindparam, select

from common.jobs.model import Job, NewJob
from common.jobs.repeats import HOLDER
from common.jobs.schema import REPEATABLE, jobs
from common.jobs.sql_base import SqlBase
from common.jobs.states import JobState

# Built once: it stands in the way of every request with a seed.
_NEWEST = (
    select(jobs)
    .where(
        jobs.c.model == bindparam("of_model"),
        jobs.c.owner == bindparam("of_owner"),
        jobs.c.fingerprint == bindparam("like"),
        REPEATABLE,
    )
    .order_by(jobs.c.number.desc())
    .limit(1)
)
_THERE = _NEWEST.with_only_columns(jobs.c.number)
"""The whole row is for who uses it."""


class SqlRepeats(SqlBase):
    """See ``common.jobs.repeats.Repeats``."""

    def made_before(self, owner: str, fingerprint: str) -> Job | None:
        with self._reading() as connection:
            row = connection.execute(_NEWEST, self._wanted(owner, fingerprint)).one_or_none()
        return None if row is None else self._job(row)

    def _wanted(self, owner: str, fingerprint: str) -> dict[str, str]:
        return {"of_model": self.model, "of_owner": owner, "like": fingerprint}

    def _held(self, connection: Connection, job: NewJob) -> dict[str, Any]:
        """What holds a job that is to get what was made before; without a beginning of work.

        Looked up by who writes the job: a read of its own would stand in the way of all commits.
        """
        if job.like is None:
            return {}
        if connection.execute(_THERE, self._wanted(job.owner, job.like)).first() is None:
            return {}
        held = {"state": JobState.WAITING.value, "worker": HOLDER, "token": token_hex(16)}
        return held | {"attempts": 1}
