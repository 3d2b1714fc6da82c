"""Opening the database of the job store, and its failures in our own words."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, func, inspect, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import CreateColumn

from common.errors import StorageFull, StoreUnavailable
from common.jobs.damage import damaged, is_damage
from common.jobs.schema import metadata

BUSY_TIMEOUT_SECONDS = 4
"""How long a call waits for another's write. A client gets its 503 within five seconds."""

_READS = "videosdgx_reads"
"""Execution option of connections that write nothing."""


def open_database(url: str) -> Engine:
    """Open (and create, if need be) the database at ``url``."""
    engine = create_engine(url, pool_pre_ping=not url.startswith("sqlite"))
    if engine.dialect.name == "sqlite":
        _make_sqlite_durable(engine)
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":  # replicas open it together; SQLite queues them
            connection.execute(select(func.pg_advisory_xact_lock(func.hashtext("videosdgx"))))
        metadata.create_all(connection)
        _add_what_is_missing(connection)
    return engine


def reading(engine: Engine) -> Engine:
    """The same database for calls that only read. On SQLite they keep no writer out."""
    if engine.dialect.name == "sqlite":
        return engine.execution_options(**{_READS: True})
    return engine.execution_options(isolation_level="AUTOCOMMIT")


def _add_what_is_missing(connection: Connection) -> None:
    """Bring the tables of an earlier version up to date; the rows stay as they are.

    Columns are only ever added, and are nullable or have a default in the database: an older
    version still runs on the result.
    """
    inspector = inspect(connection)
    for table in metadata.sorted_tables:
        known = {column["name"] for column in inspector.get_columns(table.name)}
        for column in (column for column in table.columns if column.name not in known):
            text = CreateColumn(column).compile(dialect=connection.dialect)
            connection.exec_driver_sql(f"ALTER TABLE {table.name} ADD COLUMN {text}")
        for index in table.indexes:
            index.create(connection, checkfirst=True)


def sqlite_url(path: Path) -> str:
    """The URL of a SQLite file, whose folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return make_url("sqlite://").set(database=str(path)).render_as_string()


def _make_sqlite_durable(engine: Engine) -> None:
    """DELETE journal, synchronous FULL, and writers that queue instead of failing.

    Never WAL: before SQLite 3.51.3 two connections could corrupt it
    (https://sqlite.org/wal.html#walresetbug), and distributions ship older ones.
    """

    @event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves, below
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_SECONDS * 1000}")
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute("PRAGMA synchronous = FULL")

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Any) -> None:
        # A deferred transaction that first reads and then writes can fail with SQLITE_BUSY
        # whatever the timeout; taking the write lock first cannot. Reads must not take it: they
        # would wait for every writer, and hold up every claim.
        reads = connection.get_execution_options().get(_READS, False)
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


@contextmanager
def translated_errors() -> Iterator[None]:
    """Turn a driver's error into StorageFull, StoreDamaged or StoreUnavailable."""
    try:
        yield
    except DBAPIError as exc:
        if is_damage(exc.orig):
            raise damaged() from exc.orig
        text = str(exc.orig).lower()
        if "full" in text or "no space" in text:
            raise StorageFull(
                "The disk of the job database is full.", hint="Free space on the state volume."
            ) from exc
        raise StoreUnavailable(
            "The job database does not answer.", hint="Try again; the service's log says why."
        ) from exc
