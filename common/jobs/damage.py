"""A damaged job database: how it is known as one, and what is said of it."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from common.base.errors import StoreUnavailable
from common.base.errors.store import StoreDamaged
from common.base.logs import get_logger
from common.jobs.online_copy import connect

log = get_logger("store")

CHECKED_BYTES = 64 * 1024**2
"""A database of up to this size is read as a whole at each start: a quarter of a second at most. A
larger one is when it is backed up, since every copy is checked before it counts."""
_MAGIC = b"SQLite format 3\x00"
_OURS = frozenset({"number", "id", "model", "state", "requested", "resolved"})
"""Columns that the table of jobs has had in every version."""
_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def is_damage(exc: BaseException | None) -> bool:
    """Whether SQLite says that its file is not what it must be."""
    code = getattr(exc, "sqlite_errorcode", 0) & 0xFF  # the rest says where it was met
    return isinstance(exc, sqlite3.Error) and code in _DAMAGE


def find_damage(path: Path) -> str | None:
    """What is wrong with a database that no process has open yet; None for a new one, too.

    An interrupted write of before is rolled back by that.

    Raises:
        StoreUnavailable: it cannot be opened or read at all.
    """
    if not path.exists() or (path.is_file() and path.stat().st_size == 0):
        return None
    try:
        with closing(connect(path)) as database:
            return _foreign(database) or _check(database, path)
    except sqlite3.DatabaseError as exc:
        if is_damage(exc):
            return _in_words(path, exc)
        raise StoreUnavailable(
            f"The job database {path} cannot be opened: {exc}.",
            hint="The service's user must be able to read and write it, and its folder.",
        ) from exc


def check_copy(path: Path) -> str | None:
    """What is wrong with a copy of a database, read as a whole."""
    try:
        with closing(connect(path)) as database:
            return _foreign(database) or _quick_check(database)
    except sqlite3.DatabaseError as exc:
        return _in_words(path, exc)


class Soundness:
    """Whether the database was found damaged since this process began. Said once.

    Then nothing is accepted any more: a 202 would be a promise that the restored database does not
    know of. Reads go on as far as they can.
    """

    def __init__(self) -> None:
        self.damaged = False
        self.way_out: Callable[[], str] = lambda: "Put a backup back."
        """What an operator can do; asked for when there is damage."""

    def refuse(self) -> None:
        """Raises StoreDamaged where it is known to be damaged."""
        if self.damaged:
            raise damaged()

    def found(self, what: str) -> None:
        """It is damaged."""
        if not self.damaged:
            self.damaged = True
            log.critical(
                "The job database is damaged (%s). No job is accepted any more. Stop the service. "
                "%s",
                what,
                self.way_out(),
            )

    @contextmanager
    def watched(self) -> Iterator[None]:
        """See what is raised in here."""
        try:
            yield
        except StoreDamaged as exc:
            self.found(str(exc.__cause__ or exc).partition("\n")[0])
            raise


def damaged() -> StoreDamaged:
    """What a client is told."""
    return StoreDamaged(
        "The job database is damaged.",
        hint="The service's log says how its operator can put a backup back.",
    )


def _foreign(database: sqlite3.Connection) -> str | None:
    query = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    tables = sorted(name for (name,) in database.execute(query))
    if tables and "jobs" not in tables:
        return f"it has the tables of another program: {', '.join(tables[:5])}"
    columns = {name for _, name, *_ in database.execute("PRAGMA table_info(jobs)")}
    missing = sorted(_OURS - columns) if tables else []
    if missing:
        return f"its table of jobs is another program's: there is no {', '.join(missing)}"
    return None


def _check(database: sqlite3.Connection, path: Path) -> str | None:
    return _quick_check(database) if path.stat().st_size <= CHECKED_BYTES else None


def _quick_check(database: sqlite3.Connection) -> str | None:
    (found,) = database.execute("PRAGMA quick_check(1)").fetchone()
    text = " ".join(str(found).split())
    return None if text == "ok" else f"SQLite's check says: {text}"


def _in_words(path: Path, exc: sqlite3.DatabaseError) -> str:
    with path.open("rb") as file:
        start = file.read(100)
    if not start.startswith(_MAGIC):
        return "it does not begin as a SQLite database does: it is overwritten, or encrypted"
    # The page size, and how many pages there are (https://sqlite.org/fileformat2.html#the_database_header).
    size, pages = int.from_bytes(start[16:18]), int.from_bytes(start[28:32])
    whole, there = (65536 if size == 1 else size) * pages, path.stat().st_size
    if there < whole:
        return f"it is cut off: {there:,} of {whole:,} bytes are there"
    return f"SQLite says: {exc}"
