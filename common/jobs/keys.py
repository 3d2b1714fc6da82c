"""Idempotency-Keys in the database: their statements, and what is wrong with one.

A key and its job are written in one transaction, so there is never one without the other.

A key expires when its date has passed and the service has lived for as long: a clock that is set
ahead, or is wrong at a start, ends none before its time.
https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Connection, Delete, Select, and_, delete, func, or_, select

from common.base.errors import JobConflict
from common.base.errors.queue import KeyReused
from common.jobs.model import KeyUse, NewJob
from common.jobs.schema import idempotency_keys as keys

HEADER = "Idempotency-Key"


@dataclass
class Life:
    """Seconds that a service has lived, over its restarts; what it was down for does not count.

    Goes on from the last key that was made: nothing else needs to be kept.
    """

    model: str
    stopwatch: Callable[[], float]
    _began: float | None = field(default=None, init=False)

    def seconds(self, connection: Connection) -> float:
        """Until now."""
        now = self.stopwatch()
        if self._began is None:
            last = select(func.max(keys.c.lived)).where(keys.c.model == self.model)
            self._began = now - (connection.execute(last).scalar_one() or 0.0)
        return now - self._began


@dataclass(frozen=True)
class Now:
    """A moment, by the wall and by the service's life, in seconds."""

    wall: float
    lived: float

    def expired(self, seconds: float) -> ColumnElement[bool]:
        """Whether a key that is kept for so long has been kept for long enough, by both."""
        long_enough = or_(keys.c.lived.is_(None), keys.c.lived <= self.lived - seconds)
        return and_(keys.c.expires_at <= self.wall, long_enough)


def kept_key(model: str, owner: str, use: KeyUse, now: Now) -> Select[Any]:
    """One key of one client, while it is kept."""
    return select(keys).where(
        keys.c.model == model,
        keys.c.owner == owner,
        keys.c.key == use.key,
        ~now.expired(use.seconds),
    )


def expired_keys(model: str, use: KeyUse, now: Now) -> Delete:
    """Forget the keys that were kept long enough."""
    return delete(keys).where(keys.c.model == model, now.expired(use.seconds))


def key_row(job: NewJob, use: KeyUse, now: Now) -> dict[str, Any]:
    """The columns of a key that makes ``job``."""
    return new_key_row(job.model, job.owner, job.id, use, now)


def new_key_row(model: str, owner: str, made: str, use: KeyUse, now: Now) -> dict[str, Any]:
    """The columns of a key; ``made`` is the id of what it makes."""
    return {
        "model": model,
        "owner": owner,
        "key": use.key,
        "fingerprint": use.fingerprint,
        "job": made,
        "expires_at": now.wall + use.seconds,
        "lived": now.lived,
    }


def check_fingerprint(kept: str, use: KeyUse) -> None:
    """Raises KeyReused: the key came with another request before."""
    if kept != use.fingerprint:
        raise KeyReused(
            f"This {HEADER} came with another request before.",
            param=HEADER,
            hint="Send the same request again, or take a new key for a new one.",
        )


def job_was_deleted() -> JobConflict:
    """The key is kept, its job is not: it was made once, and is not made again."""
    return JobConflict(
        f"The job of this {HEADER} was deleted.",
        param=HEADER,
        hint="Take a new key to make it again.",
    )
