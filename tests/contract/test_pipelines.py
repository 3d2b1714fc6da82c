"""Pipelines in the store: owners apart, changed by one at a time, told of once."""

from secrets import token_hex
from typing import Any

import pytest

from common.base.errors.pipeline import PipelineConflict, PipelineNotFound
from common.base.errors.queue import KeyReused, QueueFull, TooManyJobs
from common.jobs.model import KeyUse
from common.jobs.outbox import DeliveryState
from common.jobs.pipelines import NewPipeline, Pipeline, PipelineState, Step
from common.jobs.schema_pipelines import pipelines
from common.jobs.sql import SqlJobStore
from common.kinds.video import VIDEO_KIND
from tests.contract.conftest import Clock
from tests.contract.test_store import submit

KEY = KeyUse(key="k", fingerprint="f", seconds=60)


def new(**fields: Any) -> NewPipeline:
    step = Step(name="clip", service="toy", path="/generate", body={"prompt": "a cat"})
    return NewPipeline(**{"id": token_hex(16), "model": "toy", "steps": (step,), **fields})


def accepted(store: SqlJobStore, key: KeyUse | None = None, **fields: Any) -> Pipeline:
    return store.submit_pipeline(new(**fields), 100, 0, key)


def ended(
    store: SqlJobStore, one: Pipeline, state: PipelineState = PipelineState.FAILED
) -> Pipeline:
    changed = store.change_pipeline(one.model_copy(update={"state": state}))
    assert changed is not None
    return changed


def test_what_is_accepted_is_read_again(store: SqlJobStore, clock: Clock):
    one = accepted(store, name="a film", webhook="http://a", owner="ana")
    assert store.pipeline(one.id) == one
    assert (one.state, one.version, one.created_at) == (PipelineState.RUNNING, 0, clock.now)
    assert store.pipelines([one.id, "x"]) == [one]


def test_owners_are_apart(store: SqlJobStore):
    mine, theirs = accepted(store, owner="ana"), accepted(store, owner="ben")
    ana = store.seen_by("ana")
    assert [found.id for found in ana.pipeline_page().pipelines] == [mine.id]
    assert ana.pipelines([mine.id, theirs.id]) == [mine]
    for call in (ana.pipeline, ana.delete_pipeline):
        with pytest.raises(PipelineNotFound):
            call(theirs.id)
    assert ana.change_pipeline(theirs) is None
    assert len(store.pipeline_page().pipelines) == 2
    assert len(store.unfinished_pipelines()) == 2


def test_another_model_has_its_own(store: SqlJobStore, url: str):
    one = accepted(store)
    other = SqlJobStore(url, "other", VIDEO_KIND)
    assert other.unfinished_pipelines() == {}
    assert other.change_pipeline(one) is None
    with pytest.raises(PipelineNotFound):
        other.pipeline(one.id)
    other.close()


def test_they_are_listed_page_by_page(store: SqlJobStore):
    ids = [accepted(store).id for _ in range(5)]
    page = store.pipeline_page(limit=3)
    rest = store.pipeline_page(limit=3, cursor=page.next_cursor)
    assert [one.id for one in (*page.pipelines, *rest.pipelines)] == ids[::-1]
    assert rest.next_cursor is None
    assert list(store.unfinished_pipelines()) == ids


def test_of_two_who_change_one_only_one_does(store: SqlJobStore):
    one = accepted(store)
    first = store.change_pipeline(one.with_step(0, job="a" * 32))
    assert first is not None
    assert store.change_pipeline(one.with_step(0, job="b" * 32)) is None
    assert store.pipeline(one.id) == first
    assert (first.version, first.steps[0].job) == (1, "a" * 32)
    assert store.unfinished_pipelines() == {one.id: 1}


def test_its_end_is_told_and_that_of_a_retry_again(store: SqlJobStore, clock: Clock):
    one = accepted(store, webhook="http://a.example/hook")
    assert store.claim_delivery(15) is None
    over = ended(store, one)
    assert over.finished_at == clock.now
    first = store.claim_delivery(15)
    assert first is not None
    assert '"type":"pipeline.failed"' in first.body
    store.settle_delivery(first.model_copy(update={"state": DeliveryState.DELIVERED}))
    assert store.delivery(one.id) is not None, "it stays as long as the pipeline"
    running = store.change_pipeline(
        over.model_copy(update={"state": PipelineState.RUNNING, "finished_at": None})
    )
    assert running is not None
    ended(store, running, PipelineState.COMPLETED)
    second = store.claim_delivery(15)
    assert second is not None
    assert second.id != first.id
    store.delete_pipeline(one.id)
    store.settle_delivery(second.model_copy(update={"state": DeliveryState.DELIVERED}))
    assert store.delivery(one.id) is None, "and is forgotten with it"


def test_the_end_of_a_retry_is_told_though_the_one_before_is_still_being_told(store: SqlJobStore):
    over = ended(store, accepted(store, webhook="http://a.example/hook"))
    first = store.claim_delivery(15)
    assert first is not None
    again = over.model_copy(update={"state": PipelineState.RUNNING, "finished_at": None})
    running = store.retry_pipeline(again, 1)
    assert running is not None
    ended(store, running)
    store.settle_delivery(first.model_copy(update={"state": DeliveryState.DELIVERED}))
    second = store.claim_delivery(15)
    assert second is not None
    assert second.id != first.id


def test_only_an_ended_one_is_deleted(store: SqlJobStore):
    one = accepted(store)
    with pytest.raises(PipelineConflict, match="is running"):
        store.delete_pipeline(one.id)
    ended(store, one)
    assert store.delete_pipeline(one.id).id == one.id
    with pytest.raises(PipelineNotFound):
        store.delete_pipeline(one.id)


def test_a_key_makes_one(store: SqlJobStore, clock: Clock, stopwatch: Clock):
    one = accepted(store, KEY, owner="ana")
    assert accepted(store, KEY, owner="ana").id == one.id
    assert accepted(store, KEY, owner="ben").id != one.id
    with pytest.raises(KeyReused):
        accepted(store, KEY.model_copy(update={"fingerprint": "g"}), owner="ana")
    with pytest.raises(KeyReused):
        store.made_with("ana", KEY.model_copy(update={"fingerprint": "of a job"}))
    ended(store, one)
    store.delete_pipeline(one.id)
    with pytest.raises(PipelineConflict, match="was deleted"):
        accepted(store, KEY, owner="ana")
    clock.now, stopwatch.now = clock.now + 61, stopwatch.now + 61
    assert accepted(store, KEY, owner="ana").id != one.id


def test_there_is_room_for_so_many(store: SqlJobStore):
    one = store.submit_pipeline(new(owner="ana"), 2, 1)
    with pytest.raises(TooManyJobs):
        store.submit_pipeline(new(owner="ana"), 2, 1)
    store.submit_pipeline(new(owner="ben"), 2, 1)
    with pytest.raises(QueueFull, match="2 pipelines"):
        store.submit_pipeline(new(owner="eve"), 2, 1)
    over = ended(store, one)
    store.submit_pipeline(new(owner="ana"), 2, 1)
    again = over.model_copy(update={"state": PipelineState.RUNNING, "finished_at": None})
    for limits in ((2, 0), (3, 1)):
        with pytest.raises(QueueFull):
            store.retry_pipeline(again, *limits)
    assert store.pipeline(one.id) == over
    assert store.retry_pipeline(again, 3, 2) is not None


def test_jobs_do_not_count_for_it(store: SqlJobStore):
    submit(store)
    assert store.submit_pipeline(new(), 1)


def test_a_row_that_cannot_be_read_goes_no_further(store: SqlJobStore):
    one = accepted(store)
    with store._writing() as connection:
        connection.execute(pipelines.update().values(steps='[{"odd": 1}]'))
    odd = store.pipeline(one.id)
    assert (odd.state, odd.unreadable) == (PipelineState.FAILED, True)
    assert store.pipeline_page().pipelines[0].ended
    assert list(store.unfinished_pipelines()) == [one.id]
    assert store.change_pipeline(odd) is not None
    assert store.unfinished_pipelines() == {}
    with store._reading() as connection:
        kept = connection.execute(pipelines.select()).one()
    assert (kept.steps, kept.state) == ('[{"odd": 1}]', "failed")
    assert store.delete_pipeline(one.id).id == one.id
