"""A database as an earlier version left it: no totals are kept, and there are fewer indexes."""

from sqlalchemy import Connection, Engine

from common.jobs.schema import metadata, totals

ADDED = (
    *("jobs_by_number", "jobs_of_owner", "jobs_of_owner_by_state", "jobs_in_line", "jobs_of_batch"),
    *("jobs_by_end", "batches_of_owner"),
)


def make_it_old(engine: Engine) -> None:
    """Take away what this version has added."""
    with engine.begin() as connection:
        for table, trigger in _triggers(connection):
            on = f" ON {table}" if connection.dialect.name == "postgresql" else ""
            connection.exec_driver_sql(f"DROP TRIGGER {trigger}{on}")
        for index in ADDED:
            connection.exec_driver_sql(f"DROP INDEX {index}")
        for table in ("owner", "batch"):
            connection.exec_driver_sql(f"CREATE INDEX jobs_by_{table} ON jobs ({table}, number)")
        totals.drop(connection)


def made_by_this_version(engine: Engine) -> set[str]:
    """The names of all indexes there are."""
    sqlite = "SELECT name FROM sqlite_master WHERE type = 'index'"
    postgresql = "SELECT indexname FROM pg_indexes WHERE schemaname = current_schema()"
    with engine.connect() as connection:
        query = sqlite if engine.dialect.name == "sqlite" else postgresql
        known = set(connection.exec_driver_sql(query).scalars())
    return known & {index.name for table in metadata.tables.values() for index in table.indexes}


def _triggers(connection: Connection) -> list[tuple[str, str]]:
    sqlite = "SELECT tbl_name, name FROM sqlite_master WHERE type = 'trigger'"
    postgresql = "SELECT tgrelid::regclass::text, tgname FROM pg_trigger WHERE NOT tgisinternal"
    query = sqlite if connection.dialect.name == "sqlite" else postgresql
    rows = connection.exec_driver_sql(query).all()
    return [(row[0], row[1]) for row in rows]
