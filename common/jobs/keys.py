"""Idempotency-Keys in the database: their statements, and what is wrong with one.

A key and its job are written in one transaction, so there is never one without the other.
https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
"""

from typing import Any

from sqlalchemy import Delete, Select, delete, select

from common.errors import JobConflict, KeyReused
from common.jobs.model import KeyUse, NewJob
from common.jobs.schema import idempotency_keys as keys

HEADER = "Idempotency-Key"


def kept_key(model: str, owner: str, key: str, now: float) -> Select[Any]:
    """One key of one client, while it is kept."""
    return select(keys).where(
        keys.c.model == model, keys.c.owner == owner, keys.c.key == key, keys.c.expires_at > now
    )


def expired_keys(model: str, now: float) -> Delete:
    """Forget the keys that were kept long enough."""
    return delete(keys).where(keys.c.model == model, keys.c.expires_at <= now)


def key_row(job: NewJob, use: KeyUse, now: float) -> dict[str, Any]:
    """The columns of a key that makes ``job``."""
    return {
        "model": job.model,
        "owner": job.owner,
        "key": use.key,
        "fingerprint": use.fingerprint,
        "job": job.id,
        "expires_at": now + use.seconds,
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
