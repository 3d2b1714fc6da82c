"""Opening the database of the job store, and its failures in our own words."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, func, inspect, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionFree
from sqlalchemy.schema import CreateColumn, CreateIndex

from common.base.errors import StorageFull, StoreUnavailable
from common.jobs.damage import damaged, is_damage
from common.jobs.deadline import seconds_left, within
from common.jobs.one_file import stay_with_file
from common.jobs.schema import OUTGROWN, metadata
from common.jobs.shelves import keep_shelves
from common.jobs.totals import keep_totals

OPENING_SECONDS = 600.0
"""Bringing the tables of an earlier version up to date may take so long."""

_READS = "videosdgx_reads"
"""Execution option of connections that write nothing."""


def open_database(url: str) -> Engine:
    """Open (and create, if need be) the database at ``url``."""
    engine = _open_postgres(url) if is_postgres(url) else _open_sqlite(url)
    with within(OPENING_SECONDS), engine.begin() as connection:
        if engine.dialect.name == "postgresql":  # replicas open it together; SQLite queues them
            connection.execute(text("SET LOCAL statement_timeout = 0"))
            connection.execute(text("SET LOCAL lock_timeout = '60s'"))
            connection.execute(select(func.pg_advisory_xact_lock(func.hashtext("videosdgx"))))
        metadata.create_all(connection)
        _add_what_is_missing(connection)
        keep_totals(connection)
        keep_shelves(connection)
    return engine


def is_postgres(url: str) -> bool:
    """Whether a URL names a PostgreSQL; else it is SQLite's."""
    return make_url(url).get_backend_name() == "postgresql"


def _open_postgres(url: str) -> Engine:
    from common.jobs.postgres import open_postgres

    return open_postgres(url)


def reading(engine: Engine) -> Engine:
    """The same database for calls that only read. On SQLite they keep no writer out."""
    if engine.dialect.name == "sqlite":
        return engine.execution_options(**{_READS: True})
    return engine.execution_options(isolation_level="AUTOCOMMIT")


def _add_what_is_missing(connection: Connection) -> None:
    """Bring the tables of an earlier version up to date; the rows stay as they are.

    Columns are only ever added, and are nullable or have a default in the database: an older
    version still runs on the result. Indexes come and go: none needs a certain one to run.
    """
    inspector = inspect(connection)
    indexes = _indexes(connection)
    for table in metadata.sorted_tables:
        known = {column["name"] for column in inspector.get_columns(table.name)}
        for column in (column for column in table.columns if column.name not in known):
            added = CreateColumn(column).compile(dialect=connection.dialect)
            connection.exec_driver_sql(f"ALTER TABLE {table.name} ADD COLUMN {added}")
        for index in (index for index in table.indexes if index.name not in indexes):
            connection.execute(CreateIndex(index))
    for name in indexes.intersection(OUTGROWN):
        connection.exec_driver_sql(f"DROP INDEX {name}")


def _indexes(connection: Connection) -> set[str]:
    """By name, those on expressions included.

    ``IF NOT EXISTS`` would lock the tables of a busy PostgreSQL, and could meet a writer there that
    holds one and waits for another.
    """
    names = {
        "sqlite": "SELECT name FROM sqlite_master WHERE type = 'index'",
        "postgresql": "SELECT indexname FROM pg_indexes WHERE schemaname = current_schema()",
    }
    return set(connection.exec_driver_sql(names[connection.dialect.name]).scalars())


def sqlite_url(path: Path) -> str:
    """The URL of a SQLite file, whose folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return make_url("sqlite://").set(database=str(path)).render_as_string()


def _open_sqlite(url: str) -> Engine:
    """DELETE journal, synchronous FULL, and writers that queue instead of failing.

    Never WAL: before SQLite 3.51.3 two connections could corrupt it
    (https://sqlite.org/wal.html#walresetbug), and distributions ship older ones.
    """
    engine = create_engine(url, hide_parameters=True)  # prompts are no business of the log's

    @event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves, below
        _wait_at_most(connection)
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute("PRAGMA synchronous = FULL")

    stay_with_file(engine)

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Any) -> None:
        # A deferred transaction that first reads and then writes can fail with SQLITE_BUSY
        # whatever the timeout; taking the write lock first cannot. Reads must not take it: they
        # would wait for every writer, and hold up every claim.
        reads = connection.get_execution_options().get(_READS, False)
        _wait_at_most(connection.connection.driver_connection)
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

    @event.listens_for(engine, "commit")
    def _on_commit(connection: Any) -> None:
        _wait_at_most(connection.connection.driver_connection)  # for those who still read

    return engine


def _wait_at_most(connection: Any) -> None:
    """For others' locks, until this thread's deadline; all waits of a call share it."""
    connection.execute(f"PRAGMA busy_timeout = {int(seconds_left() * 1000)}")


@contextmanager
def translated_errors() -> Iterator[None]:
    """Turn a driver's error into StorageFull, StoreDamaged or StoreUnavailable."""
    try:
        yield
    except NoConnectionFree as exc:  # every connection is waiting for the server
        raise StoreUnavailable from exc
    except DBAPIError as exc:
        if is_damage(exc.orig):
            raise damaged() from exc.orig
        # The driver's own words: the statement, which every failed call would log, is not to blame.
        cause = exc.orig if isinstance(exc, OperationalError) else exc
        said = str(exc.orig).lower()
        if "full" in said or "no space" in said:
            raise StorageFull(
                "The disk of the job database is full.", hint="Free space on the state volume."
            ) from cause
        raise StoreUnavailable from cause
