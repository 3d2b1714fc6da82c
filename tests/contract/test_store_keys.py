"""Idempotency-Keys in the store: one key, one job, whatever races or dies."""

import subprocess
import sys
import threading
from secrets import token_hex
from typing import Any

import pytest
from sqlalchemy import create_engine

from common.base.errors import JobConflict, StoreUnavailable, VideosDGXError
from common.base.errors.queue import KeyReused, QueueFull
from common.jobs.model import Job, KeyUse
from common.jobs.sql import SqlJobStore
from common.kinds.video import VIDEO_KIND
from tests.contract.conftest import Clock
from tests.contract.test_store import claimed, new_job, run_together, submit

DAY = 24 * 3600.0
SUBMITTER = [sys.executable, "-m", "tests.contract.submitter"]


def use(key: str = "k", fingerprint: str = "f" * 64) -> KeyUse:
    return KeyUse(key=key, fingerprint=fingerprint, seconds=DAY)


def send(store: SqlJobStore, maximum: int = 100, **fields: Any) -> Job | VideosDGXError:
    (outcome,) = store.submit([new_job(store.model, **fields)], maximum)
    return outcome


def rows(url: str, sql: str) -> list[Any]:
    engine = create_engine(url)
    with engine.connect() as connection:
        found = list(connection.exec_driver_sql(sql))
    engine.dispose()
    return found


def test_the_same_key_answers_the_same_job(store: SqlJobStore):
    first = send(store, key=use())
    assert send(store, key=use()) == first
    assert store.made_with("", use()) == first
    assert len(store.page().jobs) == 1


def test_an_unknown_key_has_made_nothing(store: SqlJobStore):
    send(store, key=use("other"))
    assert store.made_with("", use()) is None


def test_the_job_that_is_answered_is_as_it_is_now(store: SqlJobStore):
    send(store, key=use())
    claimed(store)
    again = send(store, key=use())
    assert isinstance(again, Job)
    assert again.state == "waiting"


def test_a_key_with_another_request_is_refused(store: SqlJobStore):
    send(store, key=use())
    other = use(fingerprint="e" * 64)
    assert isinstance(send(store, key=other), KeyReused)
    with pytest.raises(KeyReused):
        store.made_with("", other)
    assert len(store.page().jobs) == 1


def test_keys_are_each_owners_and_each_models_own(store: SqlJobStore, url: str):
    neighbour = SqlJobStore(url, "other", VIDEO_KIND)
    made = [
        send(store, key=use()),
        send(store, key=use(), owner="ann"),
        send(store, key=use(), owner="bob"),
        send(neighbour, key=use()),
    ]
    neighbour.close()
    assert len({job.id for job in made if isinstance(job, Job)}) == 4


def test_a_full_queue_makes_no_key_and_still_answers_the_known(store: SqlJobStore):
    first = send(store, 1, key=use())
    assert send(store, 1, key=use()) == first
    assert isinstance(send(store, 1, key=use("late")), QueueFull)
    assert store.made_with("", use("late")) is None


def test_jobs_that_are_sent_together_may_share_a_key(store: SqlJobStore):
    one, plain, two = store.submit([new_job(key=use()), new_job(), new_job(key=use())], 2)
    assert one == two
    assert isinstance(plain, Job), "the second with the key took no room"


def test_a_key_outlives_its_job(store: SqlJobStore):
    first = send(store, key=use())
    assert isinstance(first, Job)
    store.cancel(first.id)
    store.delete(first.id)
    assert isinstance(send(store, key=use()), JobConflict)
    with pytest.raises(JobConflict, match="deleted"):
        store.made_with("", use())


def test_a_key_is_kept_for_its_time_and_swept_by_the_next(
    store: SqlJobStore, clock: Clock, stopwatch: Clock, url: str
):
    first = send(store, key=use())
    clock.now += DAY - 1
    stopwatch.now += DAY - 1
    assert send(store, key=use()) == first
    clock.now += 1
    stopwatch.now += 1
    assert store.made_with("", use()) is None
    send(store, key=use("next"))
    assert [row[0] for row in rows(url, "SELECT key FROM idempotency_keys")] == ["next"]
    assert send(store, key=use()) != first


def test_tasks_that_race_with_one_key_make_one_job(store: SqlJobStore):
    for number in range(10):
        outcomes: list[Any] = []
        start = threading.Barrier(6)

        def client(key: KeyUse, outcomes: list[Any], start: threading.Barrier) -> None:
            start.wait()
            outcomes.append(send(store, key=key))

        arguments = (use(f"k{number}"), outcomes, start)
        run_together([lambda arguments=arguments: client(*arguments)] * 6)  # type: ignore[misc]
        assert len({job.id for job in outcomes}) == 1
    assert len(store.page(limit=100).jobs) == 10


def test_processes_that_race_with_one_key_make_one_job(store: SqlJobStore, url: str):
    racers = [
        subprocess.Popen([*SUBMITTER, url, "40"], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    answers = [racer.communicate(timeout=60)[0].splitlines() for racer in racers]
    assert answers[0] == answers[1] == answers[2]
    assert len(answers[0]) == 40
    assert len(store.page(limit=100).jobs) == 40


def test_a_kill_leaves_no_job_without_its_key_and_no_key_without_its_job(
    store: SqlJobStore, url: str
):
    for lines in (1, 7, 20):
        victim = subprocess.Popen([*SUBMITTER, url, "1000"], stdout=subprocess.PIPE, text=True)
        assert victim.stdout
        for _ in range(lines):
            victim.stdout.readline()
        victim.kill()
        victim.communicate()
        jobs = {row[0] for row in rows(url, "SELECT id FROM jobs")}
        keyed = [row[0] for row in rows(url, "SELECT job FROM idempotency_keys")]
        assert jobs == set(keyed)
        assert len(keyed) >= lines


def test_where_the_key_cannot_be_written_there_is_no_job(store: SqlJobStore, url: str):
    if not url.startswith("sqlite"):
        pytest.skip("the trigger is SQLite's")
    rows_of = create_engine(url)
    with rows_of.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TRIGGER no_keys BEFORE INSERT ON idempotency_keys "
            "BEGIN SELECT RAISE(ABORT, 'no'); END"
        )
    rows_of.dispose()
    with pytest.raises(StoreUnavailable):
        send(store, key=use())
    assert store.page().jobs == ()
    assert submit(store).id


def test_an_older_database_gets_the_table(url: str, clock: Clock):
    SqlJobStore(url, "toy", VIDEO_KIND, clock).close()
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE idempotency_keys")
    engine.dispose()
    store = SqlJobStore(url, "toy", VIDEO_KIND, clock)
    assert send(store, key=use(token_hex(8))) is not None
    store.close()
