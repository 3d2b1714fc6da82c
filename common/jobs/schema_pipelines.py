"""The table of pipelines, beside those of ``common.jobs.schema``."""

from sqlalchemy import Column, Float, Index, Integer, String, Table, Text

from common.jobs.schema import metadata

pipelines = Table(
    "pipelines",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("id", String(32), nullable=False, unique=True),
    Column("model", String(64), nullable=False),
    Column("owner", String(64), nullable=False),
    Column("name", Text),
    Column("webhook", Text),
    Column("state", String(16), nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("finished_at", Float),
    Column("steps", Text, nullable=False),
    Index("pipelines_by_model", "model", "number"),
    Index("pipelines_of_owner", "model", "owner", "number"),
    Index("pipelines_by_state", "model", "state", "owner"),
    sqlite_autoincrement=True,
)
