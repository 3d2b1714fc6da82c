"""Opens the store that the settings name."""

from functools import partial

from common.base.errors.store import StoreDamaged
from common.base.settings import Settings
from common.contract import ModelSpec
from common.jobs.backup import DATABASE, way_out
from common.jobs.damage import find_damage
from common.jobs.database import sqlite_url
from common.jobs.sql import SqlJobStore
from common.jobs.stored import Place


def open_store(settings: Settings, spec: ModelSpec) -> SqlJobStore:
    """The store of one service: PostgreSQL by ``DATABASE_URL``, else SQLite in its state folder."""
    url = settings.database_url or sqlite_url(settings.state_of(spec.id) / DATABASE)
    keep_seconds = None if settings.keep_days is None else settings.keep_days * 86400
    place = _place(settings)
    store = SqlJobStore(url, spec.id, spec.kind, keep_seconds=keep_seconds, place=place)
    store.soundness.way_out = partial(way_out, settings, spec.id)
    return store


def _place(settings: Settings) -> Place | None:
    if not settings.s3_bucket:
        return None
    return Place(settings.s3_bucket, settings.s3_prefix, settings.s3_keep_local)


def check_database(settings: Settings, model_id: str) -> None:
    """Before anything opens it: refuse to start on a damaged SQLite file.

    Raises:
        StoreDamaged: with what was found, and what to type.
        StoreUnavailable: it cannot be opened.
    """
    path = settings.state_of(model_id) / DATABASE
    if settings.database_url is None and (found := find_damage(path)):
        raise StoreDamaged(
            f"The job database {path} is damaged: {found}.", hint=way_out(settings, model_id)
        )
