"""A copy of a SQLite database as of one moment, while others go on writing to it.

SQLite's backup API reads pages. In one step it holds up every commit; in small ones it begins anew
whenever another process has written, and so never ends beside a worker. Here rows are copied, in
reads of some milliseconds. Triggers note which of them change meanwhile, and at the end those are
copied again, in one short transaction that also takes the triggers away. Measured in
docs/decisions/0024-rolling-backups.md.
"""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

BUSY_SECONDS = 10
"""Patience with other writers, each of whom takes milliseconds."""
ROWS_AT_ONCE = 100
"""Rows in one read, of some kilobytes each: nobody's commit waits longer than for these."""
FEW = 200
"""So many changed rows are copied in the last transaction; more are copied before."""
NOTES = "backup_changes"


class CopyStopped(Exception):
    """Whoever asked for the copy needs it no more."""


@dataclass(frozen=True)
class _Table:
    name: str
    sql: str

    @property
    def quoted(self) -> str:
        return '"' + self.name.replace('"', '""') + '"'

    @property
    def text(self) -> str:
        return "'" + self.name.replace("'", "''") + "'"


def connect(path: Path) -> sqlite3.Connection:
    """A connection that says BEGIN itself. The file has to be there."""
    uri = f"{path.absolute().as_uri()}?mode=rw"
    return sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None)


def copy_database(
    source: sqlite3.Connection,
    target: Path,
    stop: threading.Event,
    pause: float = 0.0,
    on_moment: Callable[[], None] = lambda: None,
) -> None:
    """Write a copy of ``source`` to a new file; it is not synced.

    Args:
        source: from `connect`; nobody else makes a copy meanwhile.
        target: removed, if it is there.
        stop: looked at between two reads.
        pause: seconds between two reads.
        on_moment: called in the moment that the copy is of, while nobody can write.

    Raises:
        CopyStopped: it was stopped.
        sqlite3.DatabaseError: the source is damaged, the disk is full, or somebody writes for long.
    """
    target.unlink(missing_ok=True)
    tables = list(_tables(source))
    _execute_in(target, [table.sql for table in tables])
    with _noted(source, tables), _attached(source, target):
        for table in tables:
            _copy_rows(source, table, stop, pause)
        done = _catch_up(source, tables, stop)
        with _writing(source):
            _copy_changed(source, tables, done)
            _copy_sequence(source)
            on_moment()
            _drop_notes(source)
    _execute_in(target, _indexes(source))


def forget_notes(source: sqlite3.Connection) -> None:
    """Take away what a copy has left that was killed."""
    with _writing(source):
        _drop_notes(source)


@contextmanager
def _writing(source: sqlite3.Connection) -> Iterator[None]:
    source.execute("BEGIN IMMEDIATE")
    try:
        yield
        source.execute("COMMIT")
    except BaseException:
        source.execute("ROLLBACK")
        raise


def _tables(source: sqlite3.Connection) -> Iterator[_Table]:
    query = "SELECT name, sql FROM sqlite_master WHERE type = 'table'"
    for name, sql in source.execute(query).fetchall():
        if not name.startswith("sqlite_") and name != NOTES:
            yield _Table(name, sql)


def _indexes(source: sqlite3.Connection) -> list[str]:
    """And triggers and views: what is made of the rows, or would change them on their way."""
    query = "SELECT sql FROM sqlite_master WHERE type != 'table' AND sql IS NOT NULL"
    return [sql for (sql,) in source.execute(query)]


def _execute_in(target: Path, statements: list[str]) -> None:
    with closing(sqlite3.connect(target, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        for statement in statements:
            connection.execute(statement)


@contextmanager
def _attached(source: sqlite3.Connection, target: Path) -> Iterator[None]:
    source.execute("ATTACH ? AS copy", (str(target),))
    try:
        source.execute("PRAGMA copy.journal_mode = OFF")  # a draft: nobody takes half of it
        source.execute("PRAGMA copy.synchronous = OFF")
        yield
    finally:
        source.execute("DETACH copy")


@contextmanager
def _noted(source: sqlite3.Connection, tables: list[_Table]) -> Iterator[None]:
    """Have every change of a row noted during the block."""
    with _writing(source):
        _drop_notes(source)
        source.execute(f"CREATE TABLE {NOTES} (id INTEGER PRIMARY KEY, name TEXT, number INTEGER)")
        for place, table in enumerate(tables):
            for event, rows in (("INSERT", "NEW"), ("DELETE", "OLD"), ("UPDATE", "OLD NEW")):
                source.execute(_trigger(place, table, event, rows.split()))
    try:
        yield
    except BaseException:
        with suppress(sqlite3.Error):  # the next copy does it
            forget_notes(source)
        raise


def _trigger(place: int, table: _Table, event: str, rows: list[str]) -> str:
    notes = "".join(
        f"INSERT INTO {NOTES} (name, number) VALUES ({table.text}, {row}.rowid); "  # noqa: S608
        for row in rows
    )
    name = f"{NOTES}_{place}_{event.lower()}"
    return f"CREATE TRIGGER {name} AFTER {event} ON {table.quoted} BEGIN {notes}END"


def _drop_notes(source: sqlite3.Connection) -> None:
    query = "SELECT name FROM main.sqlite_master WHERE type = 'trigger' AND name LIKE ?"
    for (name,) in source.execute(query, (f"{NOTES}%",)).fetchall():
        source.execute(f"DROP TRIGGER main.{name}")
    source.execute(f"DROP TABLE IF EXISTS main.{NOTES}")


def _copy_rows(
    source: sqlite3.Connection, table: _Table, stop: threading.Event, pause: float
) -> None:
    """The rows that are there now, some at a time. Later ones are noted, and would have no end."""
    after = -(2**63)
    last = source.execute(f"SELECT max(rowid) FROM main.{table.quoted}").fetchone()[0]  # noqa: S608
    ends = (
        f"SELECT max(number) FROM (SELECT rowid AS number FROM main.{table.quoted} "  # noqa: S608
        f"WHERE rowid > ? AND rowid <= ? ORDER BY rowid LIMIT {ROWS_AT_ONCE})"
    )
    while (upto := source.execute(ends, (after, last)).fetchone()[0]) is not None:
        if stop.wait(pause):
            raise CopyStopped
        _insert(source, table, "rowid > ? AND rowid <= ?", (after, upto))
        after = upto


def _insert(source: sqlite3.Connection, table: _Table, where: str, values: tuple[int, ...]) -> None:
    """A key that went from one row to another meanwhile is the later one's."""
    columns = ", ".join(
        '"' + name.replace('"', '""') + '"'
        for _, name, *_ in source.execute(f"PRAGMA main.table_info({table.quoted})")
    )
    source.execute(
        f"INSERT OR REPLACE INTO copy.{table.quoted} (rowid, {columns}) "  # noqa: S608
        f"SELECT rowid, {columns} FROM main.{table.quoted} WHERE {where}",
        values,
    )


def _catch_up(source: sqlite3.Connection, tables: list[_Table], stop: threading.Event) -> int:
    """Copy changed rows until few are left; answers up to which note."""
    done = 0
    while True:
        last = source.execute(f"SELECT coalesce(max(id), 0) FROM main.{NOTES}").fetchone()[0]  # noqa: S608
        if last - done <= FEW:
            return done
        if stop.is_set():
            raise CopyStopped
        last = min(last, done + FEW)
        _copy_changed(source, tables, done, last)
        done = last


def _copy_changed(
    source: sqlite3.Connection, tables: list[_Table], after: int, upto: int = 2**62
) -> None:
    for table in tables:
        changed = (
            f"rowid IN (SELECT number FROM main.{NOTES} "  # noqa: S608
            f"WHERE id > ? AND id <= ? AND name = {table.text})"
        )
        source.execute(f"DELETE FROM copy.{table.quoted} WHERE {changed}", (after, upto))  # noqa: S608
        _insert(source, table, changed, (after, upto))


def _copy_sequence(source: sqlite3.Connection) -> None:
    """Numbers that were given are not given again, even where their rows are gone."""
    known = "SELECT 1 FROM main.sqlite_master WHERE name = 'sqlite_sequence'"
    if source.execute(known).fetchone():
        source.execute("DELETE FROM copy.sqlite_sequence")
        source.execute("INSERT INTO copy.sqlite_sequence SELECT * FROM main.sqlite_sequence")
