"""The order of the queue, and databases of earlier versions."""

from sqlalchemy import create_engine

from common.jobs.schema import PLACES
from common.jobs.sql import SqlJobStore
from common.jobs.states import JobState
from tests.contract.conftest import Clock
from tests.contract.test_store import claimed, submit


def test_priority_is_worth_a_number_of_places_and_no_more(store: SqlJobStore):
    patient = submit(store)
    for _ in range(PLACES):
        submit(store)
    urgent = submit(store, priority=1)
    assert store.position(urgent) == 2, "the first two have waited long enough"
    assert [claimed(store)[0] for _ in range(3)][::2] == [patient.id, urgent.id]


def test_a_database_of_an_earlier_version_is_brought_up_to_date(url: str, clock: Clock):
    store = SqlJobStore(url, "toy", clock)
    old = submit(store)
    store.close()
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP INDEX jobs_by_batch")
        for column in ("priority", "batch", "shape"):
            connection.exec_driver_sql(f"ALTER TABLE jobs DROP COLUMN {column}")
    engine.dispose()
    store = SqlJobStore(url, "toy", clock)
    assert store.get(old.id) == old
    assert submit(store, batch="b").batch == "b"
    store.close()


def test_position_counts_the_jobs_ahead(store: SqlJobStore):
    claimed_first, last = submit(store), [submit(store) for _ in range(3)][-1]
    assert store.position(last) == 3
    claimed(store)
    assert store.get(claimed_first.id).state is JobState.WAITING
    assert store.position(last) == 2
