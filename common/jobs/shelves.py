"""How much each owner has on disk, kept instead of summed up: by triggers, as ``totals`` is.

A job counts from when its files were measured until they are removed, with it or before it.
"""

from collections.abc import Sequence

from sqlalchemy import Connection

_ADD = """INSERT INTO shelves (model, owner, amount, size)
  SELECT {row}.model, {row}.owner, {sign}1, {sign}{row}.size WHERE {counts}
  ON CONFLICT (model, owner) DO UPDATE SET
    amount = shelves.amount + excluded.amount, size = shelves.size + excluded.size"""
_COUNTS = "{row}.state = 'completed' AND {row}.expired_at IS NULL AND {row}.size IS NOT NULL"
_COLUMNS = "state, size, expired_at, owner"
_NAME = "shelves_of_jobs"


def keep_shelves(connection: Connection) -> None:
    """See that triggers keep them; where none did yet, everything is counted, this once."""
    on_sqlite = connection.dialect.name == "sqlite"
    if _is_kept(connection):
        return
    for statement in _on_sqlite() if on_sqlite else _on_postgresql():
        connection.exec_driver_sql(statement)
    connection.exec_driver_sql("DELETE FROM shelves")
    connection.exec_driver_sql(
        "INSERT INTO shelves (model, owner, amount, size) SELECT model, owner, count(*), sum(size)"  # noqa: S608
        f" FROM jobs WHERE {_COUNTS.format(row='jobs')} GROUP BY model, owner"
    )


def _is_kept(connection: Connection) -> bool:
    names = {
        "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
        "postgresql": "SELECT tgname FROM pg_trigger WHERE tgrelid = 'jobs'::regclass",
    }
    known = connection.exec_driver_sql(names[connection.dialect.name]).scalars()
    return any(name.startswith(_NAME) for name in known)


def _change(row: str, sign: str) -> str:
    return _ADD.format(row=row, sign=sign, counts=_COUNTS.format(row=row))


def _on_sqlite() -> Sequence[str]:
    gone, come = _change("OLD", "-"), _change("NEW", "")
    was, counts = (_COUNTS.format(row=row) for row in ("OLD", "NEW"))
    return [
        f"CREATE TRIGGER {_NAME}_come AFTER INSERT ON jobs WHEN {counts} BEGIN {come}; END",
        f"CREATE TRIGGER {_NAME}_moved AFTER UPDATE OF {_COLUMNS} ON jobs "
        f"WHEN ({was}) OR ({counts}) BEGIN {gone}; {come}; END",
        f"CREATE TRIGGER {_NAME}_gone AFTER DELETE ON jobs WHEN {was} BEGIN {gone}; END",
    ]


def _on_postgresql() -> Sequence[str]:
    return [
        f"""CREATE OR REPLACE FUNCTION {_NAME}() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          IF TG_OP <> 'INSERT' THEN
            {_change("OLD", "-")};
          END IF;
          IF TG_OP <> 'DELETE' THEN
            {_change("NEW", "")};
          END IF;
          RETURN NULL;
        END $$""",
        f"CREATE TRIGGER {_NAME} AFTER INSERT OR DELETE OR UPDATE OF {_COLUMNS} ON jobs "
        f"FOR EACH ROW EXECUTE FUNCTION {_NAME}()",
    ]
