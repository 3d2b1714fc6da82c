"""How long files stay, as the job store sees it."""

import pytest

from common.base.errors import JobConflict, JobNotFound
from common.jobs.retention import OnDisk, Shelf
from common.jobs.sql import SqlJobStore
from common.jobs.states import Event
from common.kinds.video import VIDEO_KIND
from tests.contract.conftest import Clock
from tests.contract.test_store import RESULT, claimed, submit


def made(store: SqlJobStore, clock: Clock, owner: str = "", size: int | None = 10) -> str:
    """A completed job, a second after the last one."""
    clock.now += 1
    submit(store, owner=owner)
    job_id, token = claimed(store)
    store.advance(job_id, token, Event.RUN)
    assert store.complete(job_id, token, RESULT)
    if size is not None:
        store.measured({job_id: size})
    return job_id


def test_the_oldest_come_first_and_what_is_kept_does_not_come(store: SqlJobStore, clock: Clock):
    first, second, third = (made(store, clock, size=size) for size in (10, 20, None))
    submit(store)
    sizes = {first: 10, second: 20, third: 0}
    assert store.oldest(9) == [OnDisk(one, RESULT.folder, size) for one, size in sizes.items()]
    assert [one.id for one in store.oldest(9, ended_before=clock.now)] == [first, second]
    assert store.keep(first, kept=True).kept
    assert [one.id for one in store.oldest(1)] == [second]
    assert store.keep(first, kept=False).kept is False
    assert [one.id for one in store.oldest(1)] == [first]


def test_what_has_no_size_yet_is_measured_once(store: SqlJobStore, clock: Clock):
    job_id = made(store, clock, size=None)
    assert store.unmeasured(9) == {job_id: RESULT.folder}
    store.measured({job_id: 5})
    assert store.unmeasured(9) == {}
    assert store.shelf() == Shelf(1, 5)


def test_shelves_follow_whatever_happens(store: SqlJobStore, clock: Clock):
    ids = [made(store, clock, owner, size) for owner, size in (("a", 10), ("a", 20), ("b", 5))]
    assert (store.shelf(), store.owners_over(9)) == (Shelf(3, 35), {"a": 30})
    assert store.expire(ids[:1]) == ids[:1]
    assert (store.shelf(), store.owners_over(9)) == (Shelf(2, 25), {"a": 20})
    store.delete(ids[0])
    store.delete(ids[1])
    assert (store.shelf(), store.owners_over(0)) == (Shelf(1, 5), {"b": 5})
    assert [one.id for one in store.oldest(9, owner="a")] == []


def test_what_expires_says_so_for_good(store: SqlJobStore, clock: Clock):
    kept, old = made(store, clock), made(store, clock)
    store.keep(kept, kept=True)
    clock.now += 100
    assert store.expire([kept, old, "0" * 32]) == [old]
    assert store.expire([old]) == []
    job = store.get(old)
    assert (job.expired_at, job.result) == (clock.now, RESULT)
    assert store.files_of([old])[old].needless
    assert not store.files_of([kept])[kept].needless
    with pytest.raises(JobConflict, match="its files have gone"):
        store.keep(old, kept=True)


def test_only_what_is_there_and_ones_own_can_be_kept(store: SqlJobStore, clock: Clock):
    mine, queued = made(store, clock, "ann"), submit(store)
    with pytest.raises(JobConflict, match="it is queued"):
        store.keep(queued.id, kept=True)
    with pytest.raises(JobNotFound):
        store.seen_by("ben").keep(mine, kept=True)
    assert store.seen_by("ann").keep(mine, kept=True).kept


def test_a_job_tells_when_its_files_will_be_too_old(url: str, clock: Clock):
    store = SqlJobStore(url, "toy", VIDEO_KIND, clock, keep_seconds=60)
    job_id = made(store, clock)
    assert store.get(job_id).expires_at == clock.now + 60
    assert store.keep(job_id, kept=True).expires_at is None
    assert submit(store).expires_at is None
    store.keep(job_id, kept=False)
    store.expire([job_id])
    assert store.get(job_id).expires_at is None
    store.close()
