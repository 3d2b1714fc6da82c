"""SQLite's connections stay with the file at their path.

An open connection would go on with a file that was moved or unlinked: what it commits there, nobody
finds again. And where the file is missing, a new connection would make an empty one.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import DisconnectionError

from common.base.errors import StoreUnavailable

_OPENED = "videosdgx_file"


@dataclass(frozen=True)
class _File:
    """What a connection has opened."""

    path: str
    device: int
    number: int

    def is_there(self) -> bool:
        """Whether this is still the file at its path. Raises StoreUnavailable where none is."""
        status = _status(self.path)
        return (status.st_dev, status.st_ino) == (self.device, self.number)


def stay_with_file(engine: Engine) -> None:
    """Make the file, if need be, now and never again; from then on hold connections to it."""
    database = engine.url.database
    if not database or database == ":memory:":
        return
    path = str(Path(database).absolute())
    Path(path).touch()
    address = f"file:{quote(path)}?mode=rw"  # https://sqlite.org/uri.html

    @event.listens_for(engine, "do_connect")
    def _on_connect(_dialect: Any, _record: Any, _arguments: Any, options: dict[str, Any]) -> Any:
        _status(path)  # its error says more than SQLite's
        return sqlite3.connect(address, **(options | {"uri": True}))

    @event.listens_for(engine, "connect")
    def _on_connected(_connection: Any, record: Any) -> None:
        status = _status(path)
        record.info[_OPENED] = _File(path, status.st_dev, status.st_ino)

    @event.listens_for(engine, "checkout")
    def _on_checkout(_connection: Any, record: Any, _proxy: Any) -> None:
        if not record.info[_OPENED].is_there():
            raise DisconnectionError  # the pool opens the one that is


@contextmanager
def still_there(connection: Connection) -> Iterator[None]:
    """Around a commit: what went into a file that was moved away meanwhile does not count.

    Raises:
        StoreUnavailable: the file is another one, or gone.
    """
    opened: _File | None = connection.info.get(_OPENED)
    yield
    if opened is not None and not opened.is_there():
        raise _gone()


def _status(path: str) -> os.stat_result:
    try:
        return os.stat(path)  # noqa: PTH116  # before and after every call: half the time
    except OSError as exc:
        raise _gone() from exc


def _gone() -> StoreUnavailable:
    return StoreUnavailable(
        "The job database is not on the state volume any more: bring back what STATE_DIR names."
    )
