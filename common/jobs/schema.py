"""The tables: jobs, their batches and keys, who is told of their ends, and whose outputs.

Whatever is asked of a table has an index that gives the rows in the order asked for, or a total
that is kept (``common.jobs.totals``): tests/contract/test_plans.py holds every statement to it.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    and_,
    func,
    literal_column,
    true,
)

from common.jobs.model import Job

metadata = MetaData()

jobs = Table(
    "jobs",
    metadata,
    # The order of arrival. Wall clocks jump; a sequence does not.
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("id", String(32), nullable=False, unique=True),
    Column("model", String(64), nullable=False),
    Column("kind", String(16)),
    Column("owner", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("priority", Integer, nullable=False, server_default="0"),
    # Of a job that an admin has moved, and of those that made room for it: see RANK.
    Column("place", Float),
    Column("batch", String(32)),
    Column("shape", String(64)),
    Column("webhook", Text),
    Column("trace", String(55)),
    Column("estimated", Float),
    Column("fused", Integer),
    Column("alone", Boolean),
    # Of finished files: whether somebody keeps them, their bytes, and when they were removed.
    Column("kept", Boolean),
    Column("size", BigInteger),
    Column("expired_at", Float),
    Column("created_at", Float, nullable=False),
    Column("started_at", Float),
    Column("finished_at", Float),
    # From the last claim to the end, by the clock of who made both; wall clocks jump.
    Column("seconds", Float),
    Column("requested", Text, nullable=False),
    Column("resolved", Text, nullable=False),
    Column("adjustments", Text, nullable=False),
    Column("progress", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("token", String(32)),
    Column("worker", String(128)),
    Column("beats", Integer, nullable=False),
    Column("result", Text),
    # Of the result's, where it has one: what finds it for the same request.
    Column("fingerprint", String(64)),
    Column("error", Text),
    # Which objects are its files, and whether a bucket waits for them: ``common.jobs.stored``.
    Column("stored", Text),
    Column("awaited", Boolean),
    Index("jobs_by_number", "model", "number"),
    Index("jobs_by_state", "model", "state", "number"),
    Index("jobs_of_owner", "model", "owner", "number"),
    Index("jobs_of_owner_by_state", "model", "owner", "state", "number"),
    sqlite_autoincrement=True,
)

batches = Table(
    "batches",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("id", String(32), nullable=False, unique=True),
    Column("model", String(64), nullable=False),
    Column("owner", String(64), nullable=False),
    Column("name", Text),
    Column("created_at", Float, nullable=False),
    Column("members", Text, nullable=False),
    Index("batches_by_model", "model", "number"),
    Index("batches_of_owner", "model", "owner", "number"),
    sqlite_autoincrement=True,
)

webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("job", String(32), primary_key=True),
    Column("id", String(64), nullable=False),
    Column("model", String(64), nullable=False),
    Column("url", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("next_at", Float, nullable=False),
    # How far ahead that was when it was set: more can only be a clock that was put back.
    Column("wait", Float),
    Column("attempts", Text, nullable=False),
    Index("webhook_deliveries_due", "model", "state", "next_at"),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("model", String(64), primary_key=True),
    Column("owner", String(64), primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("fingerprint", String(64), nullable=False),
    Column("job", String(32), nullable=False),
    Column("expires_at", Float, nullable=False),
    # When it was made, in seconds of the service's life; None in rows of earlier versions.
    Column("lived", Float),
    Index("idempotency_keys_by_end", "model", "expires_at"),
    Index("idempotency_keys_by_life", "model", "lived"),
)
"""Which job came of which key. A key outlives its job: it makes no second one."""

identities = Table(
    "identities",
    metadata,
    Column("model", String(64), primary_key=True),
    Column("id", String(32), nullable=False),
)
"""Which outputs folder belongs to a model's jobs: the same name is written in there."""

deleted_jobs = Table(
    "deleted_jobs",
    metadata,
    Column("model", String(64), primary_key=True),
    Column("id", String(32), primary_key=True),
)
"""Jobs that somebody removed and whose files may still be there, after a crash in between."""

totals = Table(
    "totals",
    metadata,
    Column("model", String(64), primary_key=True),
    Column("kind", String(16), primary_key=True),
    Column("state", String(16), primary_key=True),
    Column("code", String(64), primary_key=True),
    Column("backend", Integer, primary_key=True),
    Column("amount", Integer, nullable=False),
    Column("timed", Integer, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("shortest", Float),
    Column("longest", Float),
    Column("begun", Integer, nullable=False),
    Column("wait_seconds", Float, nullable=False),
)
"""What ``common.jobs.totals`` keeps, and says of each column. Written by triggers alone."""

pauses = Table(
    "pauses",
    metadata,
    Column("model", String(64), primary_key=True),
    Column("since", Float, nullable=False),
)
"""Models of which no job is claimed."""

shelves = Table(
    "shelves",
    metadata,
    Column("model", String(64), primary_key=True),
    Column("owner", String(64), primary_key=True),
    Column("amount", Integer, nullable=False),
    Column("size", BigInteger, nullable=False),
)
"""How many jobs of an owner have files on disk, and their bytes. See ``common.jobs.shelves``."""

PLACES = 50
"""How many places in the queue one step of priority is worth."""

# Numbers and names are written out, not bound: a database only uses an index on an expression, or
# of a part of the rows, where it sees that the statement means the same.
RANK: ColumnElement[float] = func.coalesce(
    jobs.c.place, jobs.c.number - jobs.c.priority * literal_column(str(PLACES))
)
"""The order of the queue. A job is overtaken by a bounded number of later ones: none starves,
unless an admin moves others before it. A place is a fraction between two ranks."""

LINE = (RANK, jobs.c.number)
"""The order of the queue, where two may have one rank."""


def rank_of(job: Job) -> float:
    """The rank of a job that was read."""
    return job.number - job.priority * PLACES if job.place is None else job.place


QUEUED: ColumnElement[bool] = jobs.c.state == literal_column("'queued'")
ON_DISK: ColumnElement[bool] = and_(
    jobs.c.state == literal_column("'completed'"), jobs.c.expired_at.is_(None)
)
"""The jobs that have files."""
LOOSE: ColumnElement[bool] = and_(ON_DISK, jobs.c.kept.is_not(true()))
"""Those of them that nobody keeps."""
UNMEASURED: ColumnElement[bool] = and_(ON_DISK, jobs.c.size.is_(None))
REPEATABLE: ColumnElement[bool] = and_(ON_DISK, jobs.c.fingerprint.is_not(None))
_IN_BATCH = jobs.c.batch.is_not(None)
_ENDED = jobs.c.finished_at.is_not(None)

Index(
    *("jobs_in_line", jobs.c.model, *LINE),
    sqlite_where=QUEUED,
    postgresql_where=QUEUED,
)
Index(
    *("jobs_of_batch", jobs.c.model, jobs.c.batch, jobs.c.number),
    sqlite_where=_IN_BATCH,
    postgresql_where=_IN_BATCH,
)
Index(
    *("jobs_by_end", jobs.c.model, jobs.c.finished_at, jobs.c.number),
    sqlite_where=_ENDED,
    postgresql_where=_ENDED,
)
Index(
    *("jobs_by_age", jobs.c.model, jobs.c.finished_at, jobs.c.number),
    sqlite_where=LOOSE,
    postgresql_where=LOOSE,
)
Index(
    *("jobs_of_owner_by_age", jobs.c.model, jobs.c.owner, jobs.c.finished_at, jobs.c.number),
    sqlite_where=LOOSE,
    postgresql_where=LOOSE,
)
Index(
    *("jobs_unmeasured", jobs.c.model, jobs.c.number),
    sqlite_where=UNMEASURED,
    postgresql_where=UNMEASURED,
)
Index(
    *("jobs_by_fingerprint", jobs.c.model, jobs.c.owner, jobs.c.fingerprint, jobs.c.number),
    sqlite_where=REPEATABLE,
    postgresql_where=REPEATABLE,
)

OUTGROWN = ("jobs_by_owner", "jobs_by_batch", "jobs_queue")
"""Indexes of earlier versions that others have taken the place of."""
