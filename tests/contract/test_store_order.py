"""The order of the queue, and databases of earlier versions."""

from sqlalchemy import create_engine

from common.jobs.model import Progress
from common.jobs.schema import PLACES, jobs
from common.jobs.sql import SqlJobStore
from common.jobs.states import UNFINISHED, JobState
from common.kinds.video import VIDEO_KIND
from tests.contract.conftest import Clock
from tests.contract.old import make_it_old
from tests.contract.test_store import ERROR, claimed, submit


def test_priority_is_worth_a_number_of_places_and_no_more(store: SqlJobStore):
    patient = submit(store)
    for _ in range(PLACES):
        submit(store)
    urgent = submit(store, priority=1)
    assert store.position(urgent) == 2, "the first two have waited long enough"
    assert [claimed(store)[0] for _ in range(3)][::2] == [patient.id, urgent.id]


def test_a_database_of_an_earlier_version_is_brought_up_to_date(url: str, clock: Clock):
    store = SqlJobStore(url, "toy", VIDEO_KIND, clock)
    old = submit(store)
    store.close()
    engine = create_engine(url)
    make_it_old(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP INDEX jobs_by_batch")
        for column in ("priority", "batch", "shape"):
            connection.exec_driver_sql(f"ALTER TABLE jobs DROP COLUMN {column}")
    engine.dispose()
    store = SqlJobStore(url, "toy", VIDEO_KIND, clock)
    assert store.get(old.id) == old
    assert submit(store, batch="b").batch == "b"
    store.close()


def test_position_counts_the_jobs_ahead(store: SqlJobStore):
    claimed_first, last = submit(store), [submit(store) for _ in range(3)][-1]
    assert store.position(last) == 3
    claimed(store)
    assert store.get(claimed_first.id).state is JobState.WAITING
    assert store.position(last) == 2


def test_a_stream_of_urgent_jobs_starves_nobody(store: SqlJobStore):
    """As many as there are; one is made while the next comes. The patient job waits its places."""
    for priority in (0, -1):
        patient = submit(store, priority=priority)
        submit(store, priority=1)  # there is always one more than is made
        for overtaken in range(4 * PLACES):  # noqa: B007  # counted here, looked at below
            first = claimed(store)
            if first[0] == patient.id:
                break
            submit(store, priority=1)
            assert store.fail(*first, ERROR)
        assert PLACES * (1 - priority) - 2 <= overtaken <= PLACES * (1 - priority)
        empty(store)


def empty(store: SqlJobStore) -> None:
    for job in store.page(states=list(UNFINISHED), limit=100).jobs:
        store.cancel(job.id)


def test_low_priority_goes_behind_and_keeps_the_order_within(store: SqlJobStore):
    low, normal, high = [submit(store, priority=priority) for priority in (-1, 0, 1)]
    later = submit(store, priority=1)
    order = [high, later, normal, low]
    assert [store.position(job) for job in order] == [0, 1, 2, 3]
    assert [claimed(store)[0] for _ in order] == [job.id for job in order]


def test_what_changes_of_unfinished_jobs_is_read_by_itself(store: SqlJobStore):
    first, second, third = (submit(store) for _ in range(3))
    store.cancel(second.id)
    job = store.claim("w")
    assert job is not None
    progress = Progress(percent=50)
    store.heartbeat(job.id, job.token or "", progress)
    standing = store.standing(10)
    assert [one.id for one in standing] == [first.id, third.id]
    now = [one.now(job) for one, job in zip(standing, (first, third), strict=True)]
    assert (now[0].state, now[0].started_at, now[0].progress) == (
        job.state,
        job.started_at,
        progress,
    )
    assert now[1] is third, "nothing of it has changed"
    submit(store)
    assert [one.id for one in store.standing(1)] == [first.id, third.id], "and one of the queue"


def test_named_jobs_are_looked_at_whatever_their_state(store: SqlJobStore):
    ended, odd, queued = (submit(store) for _ in range(3))
    store.cancel(ended.id)
    with store._writing() as connection:
        row = jobs.update().where(jobs.c.id == odd.id)
        connection.execute(row.values(state="archived", progress="{"))
    found = {one.id: one for one in store.standings([ended.id, odd.id, queued.id, "none"])}
    states = [found[job.id].state for job in (ended, odd, queued)]
    assert states == [JobState.CANCELLED, JobState.FAILED, JobState.QUEUED]
    assert len(found) == 3
    assert found[queued.id].moved(ended) is False
    assert found[ended.id].moved(ended) is True


def test_positions_are_those_that_each_job_has(store: SqlJobStore):
    queued = [submit(store, priority=priority) for priority in (0, -1, 1, 0, 1)]
    claimed(store)
    store.cancel(queued[0].id)
    left = [job for job in queued if store.get(job.id).state is JobState.QUEUED]
    assert store.positions(queued) == {job.id: store.position(job) for job in left}
