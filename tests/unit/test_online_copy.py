"""A copy of a database that is written to is as of one moment, and nobody waits for it."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from common.jobs.online_copy import (
    FEW,
    NOTES,
    ROWS_AT_ONCE,
    CopyStopped,
    connect,
    copy_database,
    forget_notes,
)

SCHEMA = """
CREATE TABLE jobs (number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE, state TEXT);
CREATE INDEX jobs_by_state ON jobs (state);
CREATE TABLE keys (model TEXT, key TEXT, job TEXT, PRIMARY KEY (model, key));
CREATE TABLE "odd ""name" (value BLOB, "a ""column" REAL);
CREATE TABLE totals (state TEXT PRIMARY KEY, count INTEGER);
CREATE TRIGGER count AFTER INSERT ON jobs BEGIN
  INSERT INTO totals VALUES (NEW.state, 1) ON CONFLICT (state) DO UPDATE SET count = count + 1;
END;
"""
ROWS = 3 * ROWS_AT_ONCE


@pytest.fixture
def source(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    path = tmp_path / "jobs.db"
    with closing(sqlite3.connect(path)) as setup:
        setup.executescript(SCHEMA)
        for number in range(ROWS):
            setup.execute("INSERT INTO jobs (id, state) VALUES (?, 'queued')", (f"job {number}",))
            setup.execute("INSERT INTO keys VALUES ('toy', ?, ?)", (f"key {number}", str(number)))
        setup.execute("""INSERT INTO "odd ""name" VALUES (x'00ff', 0.5), (NULL, NULL)""")
        setup.execute("DELETE FROM keys WHERE rowid < 5")  # so that rowids are not a count
        setup.execute("DELETE FROM jobs WHERE number = ?", (ROWS,))
        setup.commit()
    with closing(connect(path)) as connection:
        yield connection


@pytest.fixture
def other(source: sqlite3.Connection, tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """Another's connection."""
    with closing(connect(tmp_path / "jobs.db")) as connection:
        yield connection


def contents(connection: sqlite3.Connection) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table with its rowid, and what the schema says."""
    schema = "SELECT type, name, sql FROM sqlite_master ORDER BY type, name"
    found = {"schema": connection.execute(schema).fetchall()}
    for kind, name, _ in list(found["schema"]):
        if kind == "table":
            text = '"' + str(name).replace('"', '""') + '"'
            query = f"SELECT rowid, * FROM {text} ORDER BY rowid"  # noqa: S608  # our own names
            found[str(name)] = connection.execute(query).fetchall()
    return found


def assert_same(path: Path, expected: dict[str, list[tuple[object, ...]]]) -> None:
    with closing(connect(path)) as copy:
        assert contents(copy) == expected
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_copy_has_everything(source: sqlite3.Connection, tmp_path: Path) -> None:
    before = contents(source)
    copy_database(source, tmp_path / "copy.db", threading.Event())
    assert_same(tmp_path / "copy.db", before)
    assert contents(source) == before, "nothing is left of it in the database itself"


class Between(threading.Event):
    """Lets somebody write between two reads, where a stop is looked for."""

    def __init__(self, other: sqlite3.Connection) -> None:
        super().__init__()
        self.other = other
        self.turns = 0

    def wait(self, _timeout: float | None = None) -> bool:
        self.turns += 1
        write = self.other.execute
        write("UPDATE jobs SET state = ? WHERE number % 7 = ?", (f"s{self.turns}", self.turns % 7))
        write("DELETE FROM jobs WHERE number = ?", (self.turns * 3,))
        write("INSERT INTO jobs (id, state) VALUES (?, 'queued')", (f"new {self.turns}",))
        write("DELETE FROM keys WHERE key = 'key 9'")
        write("INSERT INTO keys VALUES ('toy', 'key 9', ?)", (f"{self.turns}",))
        write("INSERT OR REPLACE INTO keys VALUES ('toy', 'key 8', ?)", (f"{self.turns}",))
        if self.turns == 5:  # copied already, and about to be met again further on
            write("DELETE FROM keys WHERE rowid = 250")
            write("UPDATE keys SET rowid = 250 WHERE key = 'key 10'")
        write("""DELETE FROM "odd ""name" WHERE value IS NULL""")
        return False


def test_what_changes_meanwhile_is_in_it_as_of_its_moment(
    source: sqlite3.Connection, other: sqlite3.Connection, tmp_path: Path
) -> None:
    between = Between(other)
    seen = {}

    def on_moment() -> None:
        seen.update(contents(other))
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("DELETE FROM keys")

    other.execute("PRAGMA busy_timeout = 1")
    copy_database(source, tmp_path / "copy.db", between, on_moment=on_moment)
    assert between.turns > 6
    other.execute("DELETE FROM jobs")  # of later, and not in it
    notes = [row for row in seen["schema"] if NOTES in str(row[1])]
    seen["schema"] = [row for row in seen["schema"] if row not in notes]
    del seen[NOTES]
    assert notes
    assert_same(tmp_path / "copy.db", seen)


def test_many_changes_are_caught_up_with_before_the_last_moment(
    source: sqlite3.Connection, other: sqlite3.Connection, tmp_path: Path
) -> None:
    class Once(threading.Event):
        def wait(self, _timeout: float | None = None) -> bool:
            other.execute("UPDATE jobs SET state = state || '!'")
            return False

    copy_database(source, tmp_path / "copy.db", Once())
    assert ROWS > FEW
    assert_same(tmp_path / "copy.db", contents(source))


def test_a_copy_that_is_stopped_leaves_nothing_in_the_database(
    source: sqlite3.Connection, tmp_path: Path
) -> None:
    before, stop = contents(source), threading.Event()
    stop.set()
    with pytest.raises(CopyStopped):
        copy_database(source, tmp_path / "copy.db", stop)
    assert contents(source) == before


def test_what_a_killed_copy_left_is_taken_away(source: sqlite3.Connection, tmp_path: Path) -> None:
    before = contents(source)
    source.execute(f"CREATE TABLE {NOTES} (id INTEGER PRIMARY KEY, name TEXT, number INTEGER)")
    source.execute(
        f"CREATE TRIGGER {NOTES}_0_insert AFTER INSERT ON jobs "  # noqa: S608
        f"BEGIN INSERT INTO {NOTES} (name, number) VALUES ('jobs', NEW.rowid); END"
    )
    copy_database(source, tmp_path / "copy.db", threading.Event())
    assert_same(tmp_path / "copy.db", before)
    assert contents(source) == before
    forget_notes(source)
    assert contents(source) == before
