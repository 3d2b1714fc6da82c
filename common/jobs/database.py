"""Opening the database of the job store, and its failures in our own words."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from common.errors import StorageFull, StoreUnavailable
from common.jobs.schema import metadata

BUSY_TIMEOUT_SECONDS = 10


def open_database(url: str) -> Engine:
    """Open (and create, if need be) the database at ``url``."""
    engine = create_engine(url, pool_pre_ping=not url.startswith("sqlite"))
    if engine.dialect.name == "sqlite":
        _make_sqlite_durable(engine)
    metadata.create_all(engine)
    return engine


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
        # whatever the timeout; taking the write lock first cannot.
        connection.exec_driver_sql("BEGIN IMMEDIATE")


@contextmanager
def translated_errors() -> Iterator[None]:
    """Turn a driver's error into StorageFull or StoreUnavailable."""
    try:
        yield
    except DBAPIError as exc:
        text = str(exc.orig).lower()
        if "full" in text or "no space" in text:
            raise StorageFull(
                "The disk of the job database is full.", hint="Free space on the state volume."
            ) from exc
        raise StoreUnavailable(
            "The job database does not answer.", hint="Try again; the service's log says why."
        ) from exc
