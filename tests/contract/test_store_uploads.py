"""What is owed a bucket is written with the end of a job, once, and goes only when it is done."""

import threading
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import delete

from common.base.errors import JobConflict
from common.jobs.manifest import job_from, manifest_of
from common.jobs.rows import JobRows
from common.jobs.schema import jobs
from common.jobs.sql import SqlJobStore
from common.jobs.states import Event
from common.jobs.stored import LEASE_SECONDS as LEASE
from common.jobs.stored import Act, Errand, Named, Place, StoredState
from common.kinds.video import VIDEO_KIND
from studio.kind import STUDIO_KIND
from studio.result import StudioResult
from tests.contract.conftest import Clock
from tests.contract.test_store import RESULT, claimed, new_job, submit
from tests.contract.test_store_retention import made
from tests.live import wait_until

PLACE = Place("vids", "clips/")


@pytest.fixture
def shelf(url: str, clock: Clock) -> Iterator[SqlJobStore]:
    """A store whose jobs' files go to a bucket."""
    opened = SqlJobStore(url, "toy", VIDEO_KIND, clock, keep_seconds=60, place=PLACE)
    yield opened
    opened.close()


@pytest.fixture
def lean(url: str, clock: Clock) -> Iterator[SqlJobStore]:
    """Likewise, and they leave the disk then."""
    place = Place("vids", "clips/", keep_local=False)
    opened = SqlJobStore(url, "toy", VIDEO_KIND, clock, place=place)
    yield opened
    opened.close()


def taken(store: SqlJobStore) -> Errand:
    errand = store.claim_upload(LEASE)
    assert errand is not None
    return errand


def stored(store: SqlJobStore, job_id: str) -> StoredState | None:
    job = store.get(job_id)
    return job.stored and job.stored.state


def test_a_completed_job_owes_its_files_once(shelf: SqlJobStore, clock: Clock):
    job_id = made(shelf, clock)
    pending = shelf.get(job_id).stored
    assert pending is not None
    assert (pending.bucket, pending.folder) == ("vids", f"clips/toy/{job_id}/")
    errand = taken(shelf)
    assert (errand.job, errand.act, errand.local) == (job_id, Act.STORE, RESULT.folder)
    assert shelf.claim_upload(LEASE) is None
    assert shelf.count_uploads() == 1
    assert shelf.uploaded(errand) is False
    assert stored(shelf, job_id) is StoredState.UPLOADED
    assert shelf.get(job_id).expired_at is None
    assert shelf.count_uploads() == 0


def test_a_store_without_a_bucket_owes_nothing(store: SqlJobStore, clock: Clock):
    job_id = made(store, clock)
    assert store.get(job_id).stored is None
    assert (store.claim_upload(LEASE), store.count_uploads()) == (None, 0)


def test_one_whose_uploader_died_or_failed_is_taken_again(shelf: SqlJobStore, clock: Clock):
    made(shelf, clock)
    errand = taken(shelf)
    clock.now += LEASE - 1
    assert shelf.renew_upload(errand, LEASE)
    clock.now += LEASE - 1
    assert shelf.claim_upload(LEASE) is None
    clock.now += 1
    shelf.postpone_upload(taken(shelf), 30)
    clock.now += 29
    assert shelf.claim_upload(LEASE) is None
    clock.now += 1
    assert taken(shelf).attempts == 1
    clock.now += LEASE
    assert taken(shelf).attempts == 1


def test_what_waits_for_the_bucket_is_not_too_old_and_what_is_there_may_go(
    shelf: SqlJobStore, clock: Clock
):
    job_id = made(shelf, clock)
    assert shelf.get(job_id).expires_at is not None
    assert shelf.oldest(9) == []
    assert shelf.expire([job_id]) == []
    shelf.uploaded(taken(shelf))
    assert shelf.get(job_id).expires_at is None
    assert [one.id for one in shelf.oldest(9)] == [job_id]
    assert shelf.expire([job_id]) == [job_id]
    job = shelf.get(job_id)
    assert (job.expired_at, job.gone_at, job.in_bucket) == (clock.now, None, True)


def test_local_files_go_by_the_row_first_but_what_somebody_keeps(lean: SqlJobStore, clock: Clock):
    loose, kept = made(lean, clock), made(lean, clock)
    lean.keep(kept, kept=True)
    assert lean.uploaded(taken(lean)) is True
    assert lean.uploaded(taken(lean)) is False
    assert lean.files_of([loose])[loose].needless
    assert not lean.files_of([kept])[kept].needless
    assert lean.shelf().amount == 1
    with pytest.raises(JobConflict, match="in a bucket"):
        lean.keep(loose, kept=True)


def test_what_nobody_keeps_any_more_leaves_the_disk_as_others_do(lean: SqlJobStore, clock: Clock):
    job_id = made(lean, clock)
    lean.keep(job_id, kept=True)
    assert lean.uploaded(taken(lean)) is False
    lean.keep(job_id, kept=True)
    assert lean.claim_upload(LEASE) is None
    lean.keep(job_id, kept=False)
    assert lean.oldest(9) == [], "until it is seen that the bucket has it"
    errand = taken(lean)
    assert (errand.job, errand.local) == (job_id, RESULT.folder)
    assert lean.uploaded(errand) is True
    assert lean.get(job_id).in_bucket


def test_what_is_needed_for_a_while_stays_though_nobody_keeps_it(lean: SqlJobStore, clock: Clock):
    job_id = made(lean, clock)
    lean.uploaded(taken(lean))
    lean.brought_back(job_id, 600)
    for kept in (True, False):
        lean.keep(job_id, kept=kept)
    assert lean.claim_upload(LEASE) is None
    clock.now += 600
    assert lean.uploaded(taken(lean)) is True


def test_what_stays_on_disk_anyhow_is_not_owed_again(shelf: SqlJobStore, clock: Clock):
    job_id = made(shelf, clock)
    shelf.keep(job_id, kept=True)
    shelf.uploaded(taken(shelf))
    shelf.keep(job_id, kept=False)
    assert shelf.count_uploads() == 0


def test_a_removed_job_owes_the_removal_of_its_objects(shelf: SqlJobStore, clock: Clock):
    done, waiting, under_way = (made(shelf, clock) for _ in range(3))
    shelf.uploaded(taken(shelf))
    shelf.postpone_upload(taken(shelf), 1000)
    errand = taken(shelf)
    assert [done, under_way] != [waiting, errand.job]
    for job_id in (done, waiting, under_way):
        shelf.delete(job_id)
    assert not shelf.renew_upload(errand, LEASE)
    shelf.uploaded(errand)
    assert shelf.count_uploads() == 3
    first = taken(shelf)
    assert (first.job, first.act, first.folder) == (done, Act.REMOVE, f"clips/toy/{done}/")
    shelf.objects_removed(first)
    assert shelf.claim_upload(LEASE) is None  # until the one that is under way has let go
    clock.now += LEASE
    for removed in (taken(shelf), taken(shelf)):
        shelf.objects_removed(removed)
    assert shelf.count_uploads() == 0


@pytest.mark.parametrize("end", [SqlJobStore.uploaded, SqlJobStore.give_up_upload])
def test_an_upload_that_ends_while_its_job_is_removed(
    shelf: SqlJobStore, clock: Clock, end: Callable[[SqlJobStore, Errand], object]
):
    """Neither waits for what the other has: the removal is first, and its objects go."""
    job = shelf.get(made(shelf, clock))
    ended: list[object] = []
    errand = taken(shelf)
    ending = threading.Thread(target=lambda: ended.append(end(shelf, errand)))
    with shelf._writing() as connection:
        connection.execute(delete(jobs).where(jobs.c.id == job.id))
        ending.start()
        if connection.dialect.name == "postgresql":  # SQLite lets nobody in, before or after
            held = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'"
            wait_until(lambda: connection.exec_driver_sql(held).scalar_one(), what="it waits")
        shelf._note_deleted(connection, [job])
    ending.join()
    assert len(ended) == 1
    clock.now += LEASE
    assert taken(shelf).act is Act.REMOVE


def test_files_that_went_before_are_owed_no_more(shelf: SqlJobStore, clock: Clock):
    job_id = made(shelf, clock)
    shelf.give_up_upload(taken(shelf))
    assert (stored(shelf, job_id), shelf.count_uploads()) == (None, 0)


def test_what_is_brought_back_stays_for_a_while_and_goes_again(lean: SqlJobStore, clock: Clock):
    job_id = made(lean, clock)
    assert lean.uploaded(taken(lean))
    assert lean.brought_back(job_id, 600)
    assert lean.get(job_id).expired_at is None
    assert lean.oldest(9) == []
    assert lean.count_uploads() == 0, "it waits for no bucket"
    clock.now += 600
    lean.postpone_upload(taken(lean), 3600)
    assert lean.count_uploads() == 1, "one that has failed does"
    clock.now += 3600
    assert lean.uploaded(taken(lean))
    assert lean.get(job_id).in_bucket
    lean.delete(job_id)
    assert not lean.brought_back(job_id, 600)


def test_a_job_taken_back_from_its_manifest_is_uploaded_too(shelf: SqlJobStore, clock: Clock):
    job = shelf.get(made(shelf, clock))
    manifest = manifest_of(job, RESULT, VIDEO_KIND.name) | {"job_id": "a" * 32}
    lost = job_from(JobRows(VIDEO_KIND).record, manifest, "f", clock.now)
    assert lost is not None
    assert shelf.restore([lost]) == 1
    assert stored(shelf, lost.id) is StoredState.PENDING
    assert shelf.count_uploads() == 2


def test_a_clock_that_was_put_back_delays_nothing(shelf: SqlJobStore, clock: Clock):
    made(shelf, clock)
    shelf.postpone_upload(taken(shelf), 60)
    assert shelf.hasten_uploads() == 0
    clock.now -= 86_400
    assert shelf.claim_upload(LEASE) is None
    assert shelf.hasten_uploads() == 1
    assert taken(shelf).attempts == 1


def test_what_a_request_has_named_is_owed_by_that_name_until_another_has_it(url: str, clock: Clock):
    store = SqlJobStore(url, "toy", STUDIO_KIND, clock, place=PLACE)
    job_id = done(store, named="films/a.mp4")
    stored = store.get(job_id).stored
    assert stored is not None
    assert stored.named == Named(file="clips.zip", key="clips/ann/films/a.mp4")
    assert stored.key_of("clips.zip") == "clips/ann/films/a.mp4"
    assert stored.key_of("manifest.json") == f"clips/toy/{job_id}/manifest.json"
    errand = taken(store)
    assert (errand.file, errand.key) == ("clips.zip", "clips/ann/films/a.mp4")
    store.uploaded(errand, refused=True)
    late = store.get(job_id).stored
    assert late is not None
    assert (late.named, late.refused) == (None, "clips/ann/films/a.mp4")
    store.delete(job_id)
    assert taken(store).key is None  # the object of that name is not its own
    store.delete(done(store, named="b.mp4"))
    clock.now += LEASE
    keys = {taken(store).key, taken(store).key}
    assert keys == {None, "clips/ann/b.mp4"}
    store.close()


def done(store: SqlJobStore, named: str) -> str:
    resolved = STUDIO_KIND.nothing.model_copy(update={"named": named})
    submit(store, job=new_job(owner="ann").model_copy(update={"resolved": resolved}))
    job_id, token = claimed(store)
    store.advance(job_id, token, Event.RUN)
    about = {"folder": "f", "size_bytes": 1, "checkpoint": "a/b", "revision": "r"}
    assert store.complete(
        job_id, token, StudioResult(**about, file="clips.zip", operation="img2vid")
    )
    return job_id
