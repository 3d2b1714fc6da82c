"""What is owed a bucket, on SQLAlchemy Core."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    and_,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from common.contract.kind import main_file
from common.jobs.model import Job
from common.jobs.rows import parsed
from common.jobs.schema import LOOSE, jobs
from common.jobs.schema_uploads import uploads
from common.jobs.sql_base import SqlBase, chunks
from common.jobs.states import Event
from common.jobs.stored import LEASE_SECONDS, Act, Errand, Named, Place, Stored, StoredState

LONGEST_WAIT_SECONDS = 7200.0
"""Nothing is put further ahead: twice the longest wait, and twice what was brought back stays."""


class SqlUploads(SqlBase):
    """See ``common.jobs.stored.Uploads``."""

    def claim_upload(self, lease_seconds: float) -> Errand | None:
        table, now = uploads.c, self._clock()
        due = and_(self._owed(), table.next_at <= now)
        row = self._take_first(uploads, due, {"next_at": now + lease_seconds})
        return None if row is None else Errand.model_validate(row, from_attributes=True)

    def renew_upload(self, errand: Errand, lease_seconds: float) -> bool:
        longer = update(uploads).where(_same(errand)).values(next_at=self._clock() + lease_seconds)
        with self._writing() as connection:
            return connection.execute(longer).rowcount == 1

    def postpone_upload(self, errand: Errand, seconds: float) -> None:
        later = {"next_at": self._clock() + seconds, "attempts": errand.attempts + 1}
        with self._writing() as connection:
            connection.execute(update(uploads).where(_same(errand)).values(later))

    def uploaded(self, errand: Errand, *, refused: bool = False) -> bool:
        with self._writing() as connection:
            self._one_writer(connection)  # as ``expire``
            if not self._settled(connection, errand):
                return False
            told = {"named": None, "refused": errand.key} if refused else {}
            self._say(connection, errand.job, {"state": StoredState.UPLOADED, **told})
            if self._stay:
                return False
            loose = and_(self._everyones(), jobs.c.id == errand.job, LOOSE)
            gone = update(jobs).where(loose).values(expired_at=self._clock())
            return connection.execute(gone).rowcount == 1

    def give_up_upload(self, errand: Errand) -> None:
        with self._writing() as connection:
            if self._settled(connection, errand):
                self._say(connection, errand.job, None)

    def objects_removed(self, errand: Errand) -> None:
        with self._writing() as connection:
            self._settled(connection, errand)

    def brought_back(self, job_id: str, seconds: float) -> bool:
        mine = and_(self._everyones(), jobs.c.id == job_id)
        with self._writing() as connection:
            self._one_writer(connection)
            there = {"expired_at": None, "size": None, "awaited": True}
            row = connection.execute(
                update(jobs).where(mine).values(there).returning(jobs)
            ).one_or_none()
            if row is None or (stored := self._job(row).stored) is None:
                return False
            self._owe(connection, row, stored, seconds)
            return True

    def hasten_uploads(self) -> int:
        ahead = uploads.c.next_at > self._clock() + LONGEST_WAIT_SECONDS
        return self._make_due(uploads, and_(self._owed(), ahead))

    def count_uploads(self) -> int:
        soon = uploads.c.next_at <= self._clock() + LEASE_SECONDS
        tried = uploads.c.attempts > 0  # the others that lie ahead were brought back
        query = select(func.count()).select_from(uploads).where(self._owed(), or_(soon, tried))
        with self._reading() as connection:
            return connection.execute(query).scalar_one()

    def _move(
        self,
        connection: Connection,
        event: Event,
        where: ColumnElement[bool],
        changes: dict[str, Any] | None = None,
    ) -> Row[Any] | None:
        """Every move of a job; the one that completes it also writes down what is owed."""
        row = super()._move(connection, event, where, changes)
        if row is not None and event is Event.COMPLETE:
            self._note_completed(connection, [row.id])
        return row

    def _note_completed(self, connection: Connection, ids: Sequence[str]) -> None:
        super()._note_completed(connection, ids)
        if self._place is None:
            return
        for job_id in ids:
            mine = and_(self._everyones(), jobs.c.id == job_id)
            row = connection.execute(select(jobs).where(mine)).one()
            named = self._named(self._place, self._job(row))
            stored = self._place.pending(self.model, job_id, named)
            said = {"stored": stored.model_dump_json(), "awaited": True}
            connection.execute(update(jobs).where(mine).values(said))
            self._owe(connection, row, stored)

    def _note_unkept(self, connection: Connection, row: Row[Any]) -> None:
        """Files that were on disk for this alone go as soon as it is seen that a bucket has them.

        Those that are owed wait for their time.
        """
        stored = self._job(row).stored
        if self._stay or row.awaited or stored is None or stored.state is not StoredState.UPLOADED:
            return
        connection.execute(update(jobs).where(jobs.c.number == row.number).values(awaited=True))
        self._owe(connection, row, stored)

    @property
    def _stay(self) -> bool:
        """Whether files that a bucket has stay on disk."""
        return self._place is None or self._place.keep_local

    def _named(self, place: Place, job: Job) -> Named | None:
        """What a request has named is what its job was for."""
        if (name := job.resolved.output_name) is None:
            return None
        main = main_file(self._kind, job.result).name
        return Named(file=main, key=place.key_named(job.owner, name))

    def _note_deleted(self, connection: Connection, removed: Sequence[Job]) -> None:
        """What was uploaded of removed jobs goes; one that is under way is let go of first."""
        super()._note_deleted(connection, removed)
        stored = {job.id: job for job in removed if job.stored is not None}
        gone = {"act": Act.REMOVE.value, "attempts": 0, "next_at": self._clock() + LEASE_SECONDS}
        for some in chunks(list(stored)):
            under_way = update(uploads).where(uploads.c.job.in_(some))
            turned = under_way.values(gone).returning(uploads.c.job)
            left = set(some) - set(connection.execute(turned).scalars())
            rows = [self._removal(stored[job_id]) for job_id in some if job_id in left]
            if rows:
                connection.execute(insert(uploads), rows)

    def _owe(
        self, connection: Connection, row: Row[Any], stored: Stored, seconds: float = 0
    ) -> None:
        owed = {"job": row.id, "model": self.model, "act": Act.STORE.value, "attempts": 0}
        where = _where(stored) | {"local": folder_in(row.result)}
        connection.execute(delete(uploads).where(uploads.c.job == row.id))
        connection.execute(insert(uploads), owed | where | {"next_at": self._clock() + seconds})

    def _removal(self, job: Job) -> dict[str, Any]:
        assert job.stored is not None  # noqa: S101  # as its caller sees to
        owed = {"job": job.id, "model": self.model, "act": Act.REMOVE.value, "attempts": 0}
        return owed | _where(job.stored) | {"local": "", "next_at": self._clock()}

    def _say(self, connection: Connection, job_id: str, news: dict[str, Any] | None) -> None:
        """Write down what is new of where its files are; None: no bucket has them."""
        mine = and_(self._everyones(), jobs.c.id == job_id)
        row = connection.execute(select(jobs).where(mine).with_for_update()).one_or_none()
        stored = None if row is None else self._job(row).stored
        if stored is None:
            return
        text = news and stored.model_copy(update=news).model_dump_json()
        connection.execute(update(jobs).where(mine).values(stored=text, awaited=None))

    def _settled(self, connection: Connection, errand: Errand) -> bool:
        """Strike it out; False where it is another one by now.

        Its job's row is taken first, as by whoever removes that: in different orders the two would
        wait for each other.
        """
        mine = and_(self._everyones(), jobs.c.id == errand.job)
        connection.execute(select(jobs.c.number).where(mine).with_for_update())
        return connection.execute(delete(uploads).where(_same(errand))).rowcount == 1

    def _owed(self) -> ColumnElement[bool]:
        return uploads.c.model == self.model


def folder_in(result: str | None) -> str:
    """The folder of the outputs that a stored result names; empty where it names none."""
    found = parsed(result)
    folder = found.get("folder") if isinstance(found, dict) else None
    return folder if isinstance(folder, str) else ""


def _where(stored: Stored) -> dict[str, Any]:
    named = stored.named
    own = {"file": named and named.file, "key": named and named.key}
    return {"bucket": stored.bucket, "folder": stored.folder, **own}


def _same(errand: Errand) -> ColumnElement[bool]:
    return and_(uploads.c.job == errand.job, uploads.c.act == errand.act.value)
