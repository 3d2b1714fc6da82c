"""Opens the store that the settings name."""

from common.jobs.database import sqlite_url
from common.jobs.sql import SqlJobStore
from common.settings import Settings


def open_store(settings: Settings, model_id: str) -> SqlJobStore:
    """The store of one service: PostgreSQL by ``DATABASE_URL``, else SQLite in its state folder."""
    url = settings.database_url or sqlite_url(settings.state_of(model_id) / "jobs.db")
    return SqlJobStore(url, model_id)
