"""How the databases go about every statement of the store: by an index, and in its order.

A statement that reads a whole table, or sorts what it found, is quick with ten jobs and stops the
service with a million. SQLite decides by the indexes alone; PostgreSQL by what is in the tables, so
these are filled.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any

import pytest
from sqlalchemy import Connection, event

from common.base.errors import JobNotFound
from common.jobs.batches import Member, NewBatch
from common.jobs.manifest import job_from, manifest_of
from common.jobs.model import Job, KeyUse, Progress
from common.jobs.ordering import Beside, Edge, Side
from common.jobs.outbox import DeliveryState
from common.jobs.pipelines import NewPipeline, Pipeline, PipelineState, Step
from common.jobs.rows import JobRows
from common.jobs.schema import (
    jobs,
    metadata,
    rank_of,
)
from common.jobs.sql import SqlJobStore
from common.jobs.states import Event, JobState
from common.jobs.store import JobStore
from common.jobs.stored import Act, Errand, Place
from common.kinds.video import VIDEO_KIND
from tests.contract.filled import FAILED, MANY, fill
from tests.contract.test_store import ERROR, RESULT, new_job

KEY = KeyUse(key="k", fingerprint="f", seconds=3600)
OTHER_KEY = KeyUse(key="p", fingerprint="f", seconds=3600)
SOME = [str(number) for number in range(50)]
"""Ids that are asked for together."""
SMALL = ("identities", "pauses", "shelves", "totals")
"""Tables that do not grow with the jobs."""


@dataclass
class World:
    """A store in the middle of its life, and every statement that it has run."""

    store: SqlJobStore
    statements: list[tuple[str, Any]] = field(default_factory=list)

    def job(self, state: JobState = JobState.QUEUED) -> Job:
        return self.store.page(states=[state], limit=1).jobs[0]

    def taken(self) -> Job:
        job = self.store.claim("w")
        assert job is not None
        return job

    def batch(self, state: JobState) -> NewBatch:
        """Accepted, with two jobs in this state."""
        made = [new_job(batch=(name := token_hex(16)), owner="ann"), new_job(batch=name)]
        members = tuple(Member(prompt="a cat", job=job.id) for job in made)
        new = NewBatch(id=name, model="toy", owner="ann", members=members)
        self.store.submit_batch(new, made, 10**6, 10**6)
        if state is not JobState.QUEUED:
            self.end(name, state)
        return new

    def pipeline(self, key: KeyUse | None = None) -> Pipeline:
        """Accepted, with one step, and somebody to tell."""
        step = Step(name="clip", service="toy", path="/generate", body={})
        named = {"id": token_hex(16), "model": "toy", "owner": "ann", "webhook": "http://a"}
        return self.store.submit_pipeline(NewPipeline(**named, steps=(step,)), 10**6, 10**6, key)

    def ended(self) -> Pipeline:
        over = self.pipeline().model_copy(update={"state": PipelineState.FAILED})
        changed = self.store.change_pipeline(over)
        assert changed is not None
        return changed

    def end(self, batch: str, state: JobState) -> None:
        statement = (
            jobs.update()
            .where(jobs.c.model == "toy", jobs.c.batch == batch)
            .values(state=state, error="{}")
        )
        with self.store._writing() as connection:
            connection.execute(statement)

    def owing(self) -> str:
        """A job that has just been completed, and what it owes a bucket."""
        self.store._place = Place("vids", "clips/", keep_local=False)
        job = self.taken()
        self.store.advance(job.id, job.token or "", Event.RUN)
        self.store.complete(job.id, job.token or "", RESULT)
        return job.id

    def errand(self) -> Errand:
        """Taken from the outbox."""
        self.owing()
        errand = self.store.claim_upload(15)
        assert errand is not None
        return errand

    def lost(self) -> Job:
        manifest = manifest_of(self.job(), RESULT, VIDEO_KIND.name) | {"job_id": token_hex(16)}
        job = job_from(JobRows(VIDEO_KIND).record, manifest, "f", 0)
        assert job is not None
        return job


def lists(world: World) -> None:
    store, batch = world.store, world.batch(JobState.QUEUED).id
    for view in (store, store.seen_by("ann")):
        for states in ((), (JobState.FAILED,), tuple(JobState)):
            for cursor in (None, "5000"):
                view.page(states=states, cursor=cursor)
                view.page(states=states, cursor=cursor, batch=batch)
                view.page(states=states, cursor=cursor, oldest_first=True)


def retry(world: World) -> None:
    batch = world.batch(JobState.FAILED)
    (first, _) = batch.members
    assert first.job is not None
    world.store.retry_batch(batch.id, {first.job: new_job(batch=batch.id)}, 10**6, 10**6)


def settle(world: World) -> None:
    told = world.store.claim_delivery(15)
    assert told is not None
    world.store.settle_delivery(told.model_copy(update={"state": DeliveryState.DELIVERED}))


def reorder(world: World) -> None:
    """To the ends, beside another one, and between two that leave no room."""
    (first, second), mover = world.store.in_order(limit=2).jobs, world.job()
    with world.store._writing() as connection:
        statement = jobs.update().where(jobs.c.number == second.number)
        connection.execute(statement.values(place=rank_of(first)))
    for spot in (Beside(Side.BEFORE, second.id), Beside(Side.AFTER, second.id), *Edge):
        world.store.reorder(mover.id, spot)


def in_order(store: SqlJobStore) -> None:
    store.in_order(cursor=store.in_order(limit=5).next_cursor)


def both(call: Callable[[SqlJobStore], object]) -> Callable[[World], object]:
    """What an admin sees, and what an owner does."""
    return lambda world: (call(world.store), call(world.store.seen_by("ann")))


def refused(call: Callable[..., object], *words: object, **named: object) -> None:
    with pytest.raises(JobNotFound):
        call(*words, **named)


def keep(world: World) -> None:
    """What is not there; and for a while what a bucket gets."""
    both(lambda store: refused(store.keep, "x", kept=True))(world)
    job_id, where = world.owing(), {"bucket": "vids", "folder": "f/", "local": "f"}
    world.store.keep(job_id, kept=True)
    world.store.uploaded(Errand(job=job_id, act=Act.STORE, attempts=0, **where))
    world.store.keep(job_id, kept=False)


CALLS: dict[str, Callable[[World], object]] = {
    "submit": lambda w: w.store.submit(
        [new_job(owner="ann", key=KEY), new_job(like="f")], 10**6, 10**6
    ),
    "made_with": lambda w: w.store.made_with("ann", KEY),
    "get": lambda w: w.store.get(w.job().id),
    "page": lists,
    "cancel": lambda w: w.store.cancel(w.job().id),
    "delete": lambda w: w.store.delete(w.job(JobState.FAILED).id),
    "claim": lambda w: w.store.claim("w"),
    "claim_more": lambda w: w.store.claim_more("w", w.taken(), 8),
    "advance": lambda w: w.store.advance((job := w.taken()).id, job.token or "", Event.RUN),
    "heartbeat": lambda w: w.store.heartbeat((job := w.taken()).id, job.token or "", Progress()),
    "amend": lambda w: w.store.amend((job := w.taken()).id, job.token or "", job.resolved, ()),
    "complete": lambda w: w.store.complete((job := w.taken()).id, job.token or "", RESULT),
    "fail": lambda w: w.store.fail((job := w.taken()).id, job.token or "", ERROR),
    "release": lambda w: w.store.release((job := w.taken()).id, job.token or ""),
    "claimed": both(lambda store: (store.claimed(), store.claimed("w"))),
    "expel": lambda w: w.store.expel(w.taken(), "it died", 1),
    "has_work": both(lambda store: store.has_work("w")),
    "position": lambda w: w.store.position(w.job()),
    "statistics": both(lambda store: store.statistics()),
    "figures": both(lambda store: store.figures()),
    "standing": both(lambda store: store.standing(1000)),
    "standings": both(lambda store: store.standings(SOME)),
    "positions": lambda w: w.store.positions(w.store.page(states=[JobState.QUEUED]).jobs),
    "identity": lambda w: w.store.identity(),
    "set_identity": lambda w: w.store.set_identity("i"),
    "known": both(lambda store: store.known(SOME)),
    "files_of": lambda w: w.store.files_of(SOME),
    "deleted": lambda w: w.store.deleted(SOME),
    "removed": lambda w: w.store.removed(100),
    "forget_removed": lambda w: w.store.forget_removed(SOME),
    "restore": lambda w: w.store.restore([w.lost()]),
    "keep": keep,
    "reorder": reorder,
    "in_order": both(in_order),
    "pause": lambda w: w.store.pause(),
    "paused_since": lambda w: w.store.paused_since(),
    "resume": lambda w: w.store.resume(),
    "unmeasured": lambda w: w.store.unmeasured(100),
    "measured": lambda w: w.store.measured({w.job(JobState.COMPLETED).id: 7}),
    "shelf": lambda w: w.store.shelf(),
    "owners_over": lambda w: w.store.owners_over(5),
    "oldest": lambda w: (
        w.store.oldest(100),
        w.store.oldest(100, ended_before=5000),
        w.store.oldest(100, owner="ann", ended_before=5000),
    ),
    "made_before": lambda w: w.store.made_before("ann", "f"),
    "expire": lambda w: w.store.expire([w.job(JobState.COMPLETED).id, *SOME]),
    "submit_batch": lambda w: w.batch(JobState.QUEUED),
    "batch": lambda w: w.store.seen_by("ann").batch(w.batch(JobState.QUEUED).id),
    "batches": both(lambda store: store.batches(SOME)),
    "batch_page": both(lambda store: (store.batch_page(), store.batch_page(cursor="5000"))),
    "glances": lambda w: w.store.glances([w.batch(JobState.QUEUED).id, "x"]),
    "batch_jobs": lambda w: w.store.batch_jobs(w.batch(JobState.QUEUED).id),
    "cancel_batch": lambda w: w.store.cancel_batch(w.batch(JobState.QUEUED).id),
    "retry_batch": retry,
    "delete_batch": lambda w: w.store.delete_batch(w.batch(JobState.FAILED).id),
    "submit_pipeline": lambda w: (w.pipeline(OTHER_KEY), w.pipeline(OTHER_KEY)),
    "pipeline": lambda w: w.store.seen_by("ann").pipeline(w.pipeline().id),
    "pipelines": both(lambda store: store.pipelines(SOME)),
    "pipeline_page": both(lambda store: (store.pipeline_page(), store.pipeline_page(cursor="50"))),
    "unfinished_pipelines": lambda w: (w.pipeline(), w.store.unfinished_pipelines()),
    "change_pipeline": lambda w: w.ended(),
    "retry_pipeline": lambda w: w.store.retry_pipeline(w.pipeline(), 10**6, 10**6),
    "delete_pipeline": lambda w: w.store.seen_by("ann").delete_pipeline(w.ended().id),
    "claim_delivery": lambda w: w.store.claim_delivery(15, ["busy.example"]),
    "settle_delivery": settle,
    "delivery": lambda w: w.store.delivery("x"),
    "hasten_deliveries": lambda w: w.store.hasten_deliveries(),
    "count_deliveries": lambda w: w.store.count_deliveries(),
    "claim_upload": lambda w: w.store.claim_upload(15),
    "renew_upload": lambda w: w.store.renew_upload(w.errand(), 15),
    "postpone_upload": lambda w: w.store.postpone_upload(w.errand(), 15),
    "uploaded": lambda w: (
        w.store.uploaded(w.errand()),
        w.store.oldest(100),
        w.store.expire([w.job(JobState.COMPLETED).id, *SOME]),
    ),
    "give_up_upload": lambda w: w.store.give_up_upload(w.errand()),
    "objects_removed": lambda w: w.store.objects_removed(w.errand()),
    "brought_back": lambda w: w.store.brought_back(w.owing(), 60),
    "hasten_uploads": lambda w: w.store.hasten_uploads(),
    "count_uploads": lambda w: w.store.count_uploads(),
}
"""Every method of the store, called so that it does all that it can do."""

UNPLANNED = {"seen_by", "close", "model", "record"}
"""They run no statement."""


def test_every_method_is_looked_at():
    public = {name for name in dir(JobStore) if not name.startswith("_")}
    assert CALLS.keys() == public - UNPLANNED


def test_every_statement_goes_by_an_index_and_sorts_nothing(store: SqlJobStore):
    fill(store)
    found = [f"{name}: {plan}" for name, call in CALLS.items() for plan in trouble(store, call)]
    assert not found, "\n".join(found)


def test_nothing_is_counted_row_by_row(store: SqlJobStore):
    """An index makes counting quicker, and still as long as the past. SQLite tells its steps."""
    if store._engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL does not tell: its plans are looked at above")
    fill(store)
    steps = {name: steps_of(store, call) for name, call in CALLS.items()}
    assert {name: count for name, count in steps.items() if count > 2 * MANY} == {}


def steps_of(store: SqlJobStore, call: Callable[[World], object]) -> int:
    """Of SQLite's own machine, in the longest statement of a call."""
    counts = [0]

    def count() -> int:
        counts[-1] += 100
        return 0

    def on_checkout(connection: Any, *_: Any) -> None:
        connection.set_progress_handler(count, 100)

    def on_execute(*_: Any) -> None:
        counts.append(0)

    event.listen(store._engine, "checkout", on_checkout)
    event.listen(store._engine, "before_cursor_execute", on_execute)
    call(World(store))
    event.remove(store._engine, "checkout", on_checkout)
    event.remove(store._engine, "before_cursor_execute", on_execute)
    return max(counts)


def trouble(store: SqlJobStore, call: Callable[[World], object]) -> list[str]:
    """The plans that are not good, of all statements of a call."""
    with heard(store) as statements:
        call(World(store))
    with store._reading() as connection:
        bad = bad_of_sqlite if connection.dialect.name == "sqlite" else bad_of_postgresql
        found = [(text, bad(connection, text, values)) for text, values in statements]
    return [f"{', '.join(plan)} in {' '.join(text.split())}" for text, plan in found if plan]


@contextmanager
def heard(store: SqlJobStore) -> Iterator[list[tuple[str, Any]]]:
    """Every statement that is run inside, once."""
    said: dict[str, Any] = {}

    def hear(
        _connection: Any, _cursor: Any, text: str, values: Any, _context: Any, many: bool
    ) -> None:
        if text.split()[0] in ("SELECT", "UPDATE", "DELETE", "WITH", "INSERT"):
            said.setdefault(text, values[0] if many else values)

    statements: list[tuple[str, Any]] = []
    event.listen(store._engine, "before_cursor_execute", hear)
    try:
        yield statements
    finally:
        event.remove(store._engine, "before_cursor_execute", hear)
        statements += said.items()


def bad_of_sqlite(connection: Connection, text: str, values: Any) -> list[str]:
    plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", values).all()
    steps = [str(row[-1]) for row in plan]
    whole = tuple(f"SCAN {table}" for table in metadata.tables)
    return [step for step in steps if "TEMP B-TREE" in step or step.startswith(whole)]


def bad_of_postgresql(connection: Connection, text: str, values: Any) -> list[str]:
    plan = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {text}", values).scalar_one()
    return [
        f"{node['Node Type']} {node.get('Relation Name', '')} {node['Plan Rows']} rows"
        for node in _nodes(plan[0]["Plan"])
        if (node["Node Type"] == "Seq Scan" and node["Relation Name"] not in SMALL)
        or (node["Node Type"] == "Sort" and not _few(node))
    ]


def _few(sort: dict[str, Any]) -> bool:
    """Whether what is sorted was limited before, or is little by nature."""
    below = [node["Node Type"] for node in _nodes(sort)]
    return "Limit" in below or sort["Plan Rows"] < FAILED


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for part in node.get("Plans", ()):
        yield from _nodes(part)
