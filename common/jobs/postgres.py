"""Connections to PostgreSQL that no silence holds for long, on either side.

A server that is stopped, or whose packets are dropped, closes nothing and answers nothing, so that
its own timeouts are of no use: the client's end of every wait has a deadline too.
"""

import time
from typing import Any

import psycopg
from sqlalchemy import Engine, Pool, create_engine, event
from sqlalchemy.engine import URL

from common.jobs.deadline import seconds_left

CONNECT_SECONDS = 2
"""For each address of the server; libpq takes no less."""
POOL = 4
"""Connections that are kept, for the threads of a process that ask at once; two more in need."""
POOL_SECONDS = 2
"""How long a thread waits for one of them."""
DEAD_AFTER_SECONDS = 11
"""After this a peer that answers no keepalive is dead: 5 s of silence, then three times 2 s."""

_TO_CONNECT: dict[str, Any] = {
    "connect_timeout": CONNECT_SECONDS,
    "keepalives": 1,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": DEAD_AFTER_SECONDS * 1000,
}
"""libpq's (https://www.postgresql.org/docs/current/libpq-connect.html); those in the URL win."""

_OF_SESSION = {
    "statement_timeout": "4s",
    "lock_timeout": "3s",
    "idle_in_transaction_session_timeout": "10s",
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": f"{DEAD_AFTER_SECONDS}s",
}
"""The server's. A machine that died gives up its locks, and its name, by the last four."""


class PatientConnection(psycopg.Connection[Any]):
    """Waits for no answer longer than its thread's deadline; then it is closed."""

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        seconds = seconds_left() if timeout is None else timeout
        began = time.monotonic()
        try:
            return super().wait(gen, interval=interval, timeout=seconds)
        except psycopg.OperationalError:
            if time.monotonic() - began >= seconds:  # its answer may come yet, to nobody's question
                self.pgconn.finish()
            raise


def open_postgres(url: str | URL, pool: type[Pool] | None = None, **options: Any) -> Engine:
    """An engine for PostgreSQL, with psycopg. Connects when it is first used.

    Args:
        url: as in DATABASE_URL.
        pool: SQLAlchemy's class; that for several threads where none is given.
        options: of ``create_engine``.
    """
    if pool is None:
        sizes = {"pool_size": POOL, "max_overflow": 2, "pool_timeout": POOL_SECONDS}
        engine = create_engine(url, pool_pre_ping=True, hide_parameters=True, **sizes, **options)
    else:
        engine = create_engine(url, poolclass=pool, hide_parameters=True, **options)

    @event.listens_for(engine, "do_connect")
    def _connect(_dialect: Any, _record: Any, arguments: Any, settings: Any) -> PatientConnection:
        if seconds_left() < CONNECT_SECONDS:
            raise psycopg.OperationalError("no time is left to connect")
        connection = PatientConnection.connect(*arguments, **_TO_CONNECT | settings)
        _set_timeouts(connection)
        return connection

    return engine


def _set_timeouts(connection: PatientConnection) -> None:
    """By a statement, since a pooler in between (PgBouncer) refuses them at the connection."""
    wishes = ", ".join("set_config(%s, %s, false)" for _ in _OF_SESSION)
    values = [text for pair in _OF_SESSION.items() for text in pair]
    connection.execute(f"SELECT {wishes}", values)  # placeholders only
    connection.commit()
