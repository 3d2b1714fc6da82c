"""Totals that are kept instead of counted: each change of a row changes them in its transaction.

Triggers of the database keep them, not this program: an earlier version that writes to the same
database, and a hand at its prompt, are counted too. What has ended stays counted when its row is
removed: these are totals since the table began, and Prometheus takes a counter that goes back for
a restart.

``amount`` counts rows by state; failed jobs by the code of their error, too. Of completed jobs,
``timed`` counts those whose beginning is known, ``seconds`` sums their ``Job.duration``,
``shortest`` and ``longest`` are the ends of that. ``begun`` counts jobs that were begun at all, and
``wait_seconds`` sums how long these waited. On PostgreSQL each ``backend`` (its process id) has
rows of its own, since everybody would wait for one: who moves a job holds its totals until the
commit. SQLite has one writer, and ``backend`` is 0.
"""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection, Select, func, select

from common.jobs.schema import totals
from common.jobs.states import UNFINISHED

JOB, WEBHOOK = "job", "webhook"

_KEY = "model, kind, state, code, backend"
_SUMS = ("amount", "timed", "seconds", "begun", "wait_seconds")
_COLUMNS = f"{_KEY}, {', '.join(_SUMS)}, shortest, longest"
_ADDED = f"""ON CONFLICT ({_KEY}) DO UPDATE SET
  {", ".join(f"{name} = totals.{name} + excluded.{name}" for name in _SUMS)},
  shortest = CASE WHEN totals.shortest <= excluded.shortest OR excluded.shortest IS NULL
    THEN totals.shortest ELSE excluded.shortest END,
  longest = CASE WHEN totals.longest >= excluded.longest OR excluded.longest IS NULL
    THEN totals.longest ELSE excluded.longest END"""

_NONE = "CAST(NULL AS FLOAT)"
_UNFINISHED_JOBS = ", ".join(f"'{state.value}'" for state in sorted(UNFINISHED))
_TABLES = {
    "jobs": (_UNFINISHED_JOBS, "state, error, started_at, finished_at, seconds"),
    "webhook_deliveries": ("'pending'", "state"),
}
"""What is counted: its states that are no ends, and the columns that move it."""

_CODE_POSTGRESQL = """\
CREATE OR REPLACE FUNCTION videosdgx_code(error text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  RETURN coalesce(left(error::json ->> 'code', 64), 'unknown');
EXCEPTION WHEN others THEN
  RETURN 'unknown';
END $$"""


def of_kind(model: str, kind: str) -> Select[Any]:
    """By state and code: the sums of all backends."""
    table = totals.c
    columns = (*(func.sum(table[name]).label(name) for name in _SUMS),)
    ends = func.min(table.shortest).label("shortest"), func.max(table.longest).label("longest")
    return (
        select(table.state, table.code, *columns, *ends)
        .where(table.model == model, table.kind == kind)
        .group_by(table.state, table.code)
    )


def unfinished(model: str) -> Select[int]:
    """How many jobs of a model have not ended."""
    table = totals.c
    query = select(func.coalesce(func.sum(table.amount), 0))
    return query.where(table.model == model, table.kind == JOB, table.state.in_(UNFINISHED))


def keep_totals(connection: Connection) -> None:
    """See that triggers keep them; where none did yet, everything is counted, this once."""
    on_sqlite = connection.dialect.name == "sqlite"
    if not _is_kept(connection):
        make = _triggers_of_sqlite if on_sqlite else _triggers_of_postgresql
        for statement in make():  # on PostgreSQL these keep writers out until the commit
            connection.exec_driver_sql(statement)
        _count(connection)
    elif not on_sqlite:
        _fold(connection)


def _is_kept(connection: Connection) -> bool:
    names = {
        "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
        "postgresql": "SELECT tgname FROM pg_trigger WHERE tgrelid = 'jobs'::regclass",
    }
    known = connection.exec_driver_sql(names[connection.dialect.name]).scalars()
    return any(name.startswith("totals_of_jobs") for name in known)


def _count(connection: Connection) -> None:
    code = _code(connection.dialect.name)
    connection.exec_driver_sql("DELETE FROM totals")
    # Earlier versions left these to their next start.
    connection.exec_driver_sql(
        "DELETE FROM webhook_deliveries WHERE state <> 'pending' AND NOT EXISTS "
        "(SELECT 1 FROM jobs WHERE jobs.id = webhook_deliveries.job)"
    )
    for table in _TABLES:
        values = _values(table, table, 1, code, "0")
        sums = [*values[:5], *(f"sum({value})" for value in values[5:10])]
        ends = [f"min({values[10]})", f"max({values[11]})"]
        connection.exec_driver_sql(
            f"INSERT INTO totals ({_COLUMNS}) "  # noqa: S608  # all of it is written above
            f"SELECT {', '.join(sums + ends)} FROM {table} GROUP BY 1, 2, 3, 4, 5"
        )


def _fold(connection: Connection) -> None:
    """PostgreSQL: what backends that are gone have counted is put together."""
    sums = [f"sum({name})" for name in _SUMS]
    connection.exec_driver_sql(
        f"""WITH gone AS (DELETE FROM totals WHERE ctid = ANY (ARRAY(
          SELECT ctid FROM totals WHERE backend <> 0 AND backend NOT IN
          (SELECT pid FROM pg_stat_activity) FOR UPDATE SKIP LOCKED)) RETURNING *)
        INSERT INTO totals ({_COLUMNS})
          SELECT model, kind, state, code, 0, {", ".join(sums)}, min(shortest), max(longest)
          FROM gone GROUP BY model, kind, state, code {_ADDED}"""  # noqa: S608  # as above
    )


def _triggers_of_sqlite() -> Sequence[str]:
    def trigger(table: str, name: str, when: str, *changes: str) -> str:
        body = "; ".join(changes)
        return f"CREATE TRIGGER totals_of_{table}_{name} AFTER {when} BEGIN {body}; END"

    made = []
    for table, (open_states, columns) in _TABLES.items():
        gone, come = (
            _change(table, row, sign, "sqlite") for row, sign in (("OLD", -1), ("NEW", 1))
        )
        was_open = f"DELETE ON {table} WHEN OLD.state IN ({open_states})"
        made += [
            trigger(table, "come", f"INSERT ON {table}", come),
            trigger(table, "moved", f"UPDATE OF {columns} ON {table}", gone, come),
            trigger(table, "gone", was_open, gone),
        ]
    return made


def _triggers_of_postgresql() -> Sequence[str]:
    made = [_CODE_POSTGRESQL]
    for table, (open_states, columns) in _TABLES.items():
        name = f"totals_of_{table}"
        gone, come = (
            _change(table, row, sign, "postgresql") for row, sign in (("OLD", -1), ("NEW", 1))
        )
        made += [
            f"""CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
              IF TG_OP = 'UPDATE' OR (TG_OP = 'DELETE' AND OLD.state IN ({open_states})) THEN
                {gone};
              END IF;
              IF TG_OP <> 'DELETE' THEN
                {come};
              END IF;
              RETURN NULL;
            END $$""",
            f"CREATE TRIGGER {name} AFTER INSERT OR DELETE OR UPDATE OF {columns} ON {table} "
            f"FOR EACH ROW EXECUTE FUNCTION {name}()",
        ]
    return made


def _change(table: str, row: str, sign: int, dialect: str) -> str:
    """Add a row, or take it away."""
    backend = "0" if dialect == "sqlite" else "pg_backend_pid()"
    values = _values(table, row, sign, _code(dialect), backend)
    return f"INSERT INTO totals ({_COLUMNS}) VALUES ({', '.join(values)}) {_ADDED}"  # noqa: S608


def _values(table: str, row: str, sign: int, code: Callable[[str], str], backend: str) -> list[str]:
    """What a row adds to each of the columns."""
    if table == "webhook_deliveries":
        key = [f"{row}.model", f"'{WEBHOOK}'", f"{row}.state", "''", backend]
        return [*key, str(sign), "0", "0", "0", "0", _NONE, _NONE]
    failure = f"CASE WHEN {row}.state = 'failed' THEN {code(f'{row}.error')} ELSE '' END"
    timed = f"{row}.state = 'completed' AND {row}.started_at IS NOT NULL"
    ran = f"coalesce({row}.seconds, {_time(f'{row}.finished_at - {row}.started_at')})"
    end = f"CASE WHEN {timed} THEN {ran} END" if sign > 0 else _NONE
    return [
        *(f"{row}.model", f"'{JOB}'", f"{row}.state", failure, backend),
        str(sign),
        f"CASE WHEN {timed} THEN {sign} ELSE 0 END",
        f"CASE WHEN {timed} THEN {sign} * {ran} ELSE 0 END",
        f"CASE WHEN {row}.started_at IS NULL THEN 0 ELSE {sign} END",
        f"{sign} * {_time(f'{row}.started_at - {row}.created_at')}",
        *(end, end),
    ]


def _time(seconds: str) -> str:
    """A clock that was put back in between counts as no time."""
    return f"CASE WHEN {seconds} > 0 THEN {seconds} ELSE 0 END"


def _code(dialect: str) -> Callable[[str], str]:
    """The code in an error's JSON, as the database reads it; ``unknown`` where it cannot."""
    if dialect == "postgresql":
        return "videosdgx_code({})".format
    known = "CASE WHEN json_valid({0}) THEN substr(json_extract({0}, '$.code'), 1, 64) END"
    return f"coalesce({known}, 'unknown')".format
