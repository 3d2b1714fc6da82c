"""Totals that are kept are the totals that one would count."""

import json
import random
import threading
from collections import Counter
from contextlib import suppress
from secrets import token_hex
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, func, insert, select, update

from common.base.errors import ErrorBody, VideosDGXError
from common.jobs.batches import Member, NewBatch
from common.jobs.manifest import job_from, manifest_of
from common.jobs.model import Progress
from common.jobs.outbox import DeliveryState
from common.jobs.rows import to_row
from common.jobs.schema import jobs, totals, webhook_deliveries
from common.jobs.sql import SqlJobStore
from common.jobs.states import ENDED, UNFINISHED, Event, JobState
from common.kinds.video import VIDEO_KIND
from tests.contract.conftest import Clock
from tests.contract.old import made_by_this_version, make_it_old
from tests.contract.test_store import RESULT, claimed, new_job, submit
from tests.live import wait_until

Rows = list[dict[str, Any]]
ODD = ("{", "5", "[]", '{"code": null}', '{"code": 7}', None)
"""Errors of other versions, or damaged."""


class History:
    """Everything that can happen to jobs, in any order; removed rows are remembered."""

    def __init__(self, store: SqlJobStore, clock: Clock, chance: random.Random) -> None:
        self.store = store
        self.clock = clock
        self.chance = chance
        self.removed: Rows = []
        self.removed_deliveries: Rows = []

    def step(self) -> None:
        self.clock.now += self.chance.choice((0, 0.5, 7, -3))
        with suppress(VideosDGXError):  # not in this state
            self.chance.choice(self.moves())()

    def moves(self) -> list[Any]:
        often = [self.submit, self.submit, self.claim, self.claim, self.end, self.end]
        return [*often, self.fuse, self.batch, self.cancel, self.delete, self.tell, self.plant,
                self.restore, self.expel, self.run]  # fmt: skip

    def any(self, *states: JobState) -> str:
        found = self.store.page(states=states, limit=100).jobs
        return self.chance.choice(found).id if found else "none"

    def submit(self) -> None:
        webhook = self.chance.choice((None, "https://a.example/"))
        submit(self.store, 10**6, webhook=webhook, shape="s", owner=self.chance.choice("ab"))

    def claim(self) -> None:
        self.store.claim("w")

    def fuse(self) -> None:
        if head := self.store.claim("w"):
            self.store.claim_more("w", head, 3)

    def run(self) -> None:
        for job in self.store.claimed():
            self.store.advance(job.id, job.token or "", self.chance.choice([Event.LOAD, Event.RUN]))
            self.store.heartbeat(job.id, job.token or "", Progress(percent=1))

    def end(self) -> None:
        for job in self.store.claimed()[:2]:
            error = ErrorBody(code=self.chance.choice("xyz"), message="m")
            token = job.token or ""
            self.chance.choice(
                (
                    lambda: self.store.complete(job.id, token, RESULT),  # noqa: B023
                    lambda: self.store.fail(job.id, token, error),  # noqa: B023
                    lambda: self.store.release(job.id, token),  # noqa: B023
                )
            )()

    def expel(self) -> None:
        for job in self.store.claimed()[:1]:
            self.store.expel(job, "it died", 2)

    def batch(self) -> None:
        name = token_hex(16)
        new = [new_job(batch=name) for _ in range(3)]
        members = tuple(Member(prompt="a", job=job.id) for job in new)
        batch = NewBatch(id=name, model="toy", members=members)
        self.store.submit_batch(batch, new, 10**6)
        if self.chance.random() < 0.5:
            self.store.cancel_batch(name)
            self.removing([job.id for job in new])
            self.store.delete_batch(name)

    def cancel(self) -> None:
        self.store.cancel(self.any(*UNFINISHED))

    def delete(self) -> None:
        job_id = self.any(*ENDED)
        self.removing([job_id])
        self.store.delete(job_id)

    def removing(self, ids: list[str]) -> None:
        with self.store._reading() as connection:
            self.removed += rows_of(connection, jobs, jobs.c.id.in_(ids))
            told = webhook_deliveries.c.state != "pending"
            those = webhook_deliveries.c.job.in_(ids)
            self.removed_deliveries += rows_of(connection, webhook_deliveries, told, those)

    def tell(self) -> None:
        if told := self.store.claim_delivery(1):
            state = self.chance.choice(list(DeliveryState))
            self.store.settle_delivery(told.model_copy(update={"state": state}))
            if self.store.delivery(told.job) is None:
                self.removed_deliveries.append({"state": state})

    def plant(self) -> None:
        """A row that this version cannot read: its claim fails it, or it is an odd end."""
        row = self.chance.choice(
            ({"resolved": "{"}, {"state": "failed", "error": self.chance.choice(ODD)})
        )
        with self.store._writing() as connection:
            one = jobs.c.id == self.any(JobState.QUEUED)
            connection.execute(update(jobs).where(one).values(**row))

    def restore(self) -> None:
        told = manifest_of(submit(self.store), RESULT, VIDEO_KIND.name)
        lost = job_from(self.store.record, told | {"job_id": token_hex(16)}, "f", 9)
        assert lost is not None
        self.store.restore([lost])


def rows_of(connection: Connection, table: Any, *where: Any) -> Rows:
    return [dict(row._mapping) for row in connection.execute(select(table).where(*where))]


def code_of(text: str | None) -> str:
    try:
        return str(json.loads(text or "")["code"] or "unknown")
    except (ValueError, TypeError, KeyError):
        return "unknown"


def check(store: SqlJobStore, removed: Rows = (), removed_deliveries: Rows = ()) -> None:  # type: ignore[assignment]
    with store._reading() as connection:
        rows = [*rows_of(connection, jobs), *removed]
        deliveries = [*rows_of(connection, webhook_deliveries), *removed_deliveries]
    found, figures = store.statistics(), store.figures()
    done = [
        row["seconds"]
        if row["seconds"] is not None
        else max(0, row["finished_at"] - row["started_at"])
        for row in rows
        if row["state"] == "completed" and row["started_at"] is not None
    ]
    waits = [max(0, row["started_at"] - row["created_at"]) for row in rows if row["started_at"]]
    assert found.by_state == Counter(row["state"] for row in rows)
    assert found.avg_duration_seconds == (pytest.approx(sum(done) / len(done)) if done else None)
    assert found.min_duration_seconds == (min(done) if done else None)
    assert found.max_duration_seconds == (max(done) if done else None)
    failed = [row for row in rows if row["state"] == "failed"]
    assert figures.failed_by_code == Counter(code_of(row["error"]) for row in failed)
    assert figures.waits == len(waits)
    assert figures.wait_seconds == pytest.approx(sum(waits))
    assert figures.deliveries == Counter(row["state"] for row in deliveries)
    with store._reading() as connection:
        kept = connection.execute(store._unfinished).scalar_one()
    assert kept == sum(row["state"] in UNFINISHED for row in rows)


@pytest.mark.parametrize(
    "seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (2, 3))]
)
def test_totals_are_what_one_would_count_whatever_happens(
    store: SqlJobStore, clock: Clock, url: str, seed: int
):
    history = History(store, clock, random.Random(seed))
    other = SqlJobStore(url, "other", VIDEO_KIND, clock)
    for _ in range(150):
        history.step()
        submit(other, 10**6)
    counted = store.statistics().by_state
    assert len(counted) >= 5, "or the history is too dull"
    assert history.removed
    check_one_model(store, history)
    other.close()


def check_one_model(store: SqlJobStore, history: History) -> None:
    with store._writing() as connection:  # the other model's rows are counted elsewhere
        connection.execute(jobs.delete().where(jobs.c.model == "other"))
    check(store, history.removed, history.removed_deliveries)


def test_an_earlier_versions_database_is_counted_once(url: str, clock: Clock):
    store = SqlJobStore(url, "toy", VIDEO_KIND, clock)
    history = History(store, clock, random.Random(9))
    for _ in range(100):
        history.step()
    store.close()
    engine = create_engine(url)
    make_it_old(engine)
    store = SqlJobStore(url, "toy", VIDEO_KIND, clock)
    check(store)
    assert "jobs_in_line" in made_by_this_version(engine)
    engine.dispose()
    store.close()


def test_another_program_beside_this_one_is_counted(store: SqlJobStore, url: str, clock: Clock):
    """An earlier version, or a person with a prompt: rows are written as it likes."""
    engine = create_engine(url)
    with engine.begin() as connection:
        rows = [to_row(new_job(), VIDEO_KIND.name) | {"created_at": clock.now} for _ in range(5)]
        connection.execute(insert(jobs), rows)
        connection.execute(update(jobs).where(jobs.c.number < 3).values(state="failed", error="{"))
        connection.execute(jobs.delete().where(jobs.c.number == 4))
    engine.dispose()
    assert store.statistics().by_state == {JobState.QUEUED: 2, JobState.FAILED: 2}
    check(store, removed=[])  # an unfinished row that somebody removes is gone from the totals


def test_opening_again_changes_no_total(url: str, clock: Clock):
    for round_ in range(3):
        store = SqlJobStore(url, "toy", VIDEO_KIND, clock)
        submit(store)
        assert store.statistics().by_state == {JobState.QUEUED: round_ + 1}
        store.close()


def test_what_many_count_together_is_right(store: SqlJobStore, url: str):
    """On PostgreSQL each connection has totals of its own, which an opening puts together."""
    count, each = 4, 10
    for _ in range(count * each):
        submit(store, 10**6)

    def work() -> None:
        own = SqlJobStore(url, "toy", VIDEO_KIND)
        for _ in range(each):
            job_id, token = claimed(own)
            assert own.complete(job_id, token, RESULT)
        own.close()

    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.statistics().by_state == {JobState.COMPLETED: count * each}
    wait_until(lambda: backends_after_an_opening(store, url) <= 3, what="the others are gone")
    assert store.statistics().by_state == {JobState.COMPLETED: count * each}


def backends_after_an_opening(store: SqlJobStore, url: str) -> int:
    """This store's, the one that is opened, and those that were put together."""
    SqlJobStore(url, "toy", VIDEO_KIND).close()
    with store._reading() as connection:
        return connection.execute(select(func.count(totals.c.backend.distinct()))).scalar_one()
