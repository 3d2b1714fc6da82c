"""The sweep beside all that may happen meanwhile; and the threads that do such work."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex

import pytest

from common.base.chores import AT_ONCE, Stopped, chore, in_steps
from common.base.errors import ErrorBody
from common.base.keeper import Keeper
from common.jobs.database import sqlite_url
from common.jobs.manifest import manifest_of
from common.jobs.model import Job
from common.jobs.sql import SqlJobStore
from common.kinds.video import VIDEO_KIND
from common.kinds.video.files import VIDEO
from common.publishing.arrivals import Arrivals
from common.publishing.storage import Storage
from common.publishing.sweep import OutputSweep, sweep_files, sweep_outputs
from common.publishing.sweep_uploads import sweep_uploads
from tests.contract.test_store import RESULT, submit

FAILURE = ErrorBody(code="generation_failed", message="It failed.")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlJobStore]:
    store = SqlJobStore(sqlite_url(tmp_path / "state" / "jobs.db"), "toy", VIDEO_KIND)
    yield store
    store.close()


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(tmp_path / "outputs", VIDEO_KIND.files)


def publish(storage: Storage, job: Job) -> str:
    """A video of this claim, which is not recorded yet."""
    assert job.token
    draft = storage.begin(job.id, job.token)
    (draft.folder / VIDEO.name).write_bytes(b"v")
    result = RESULT.model_copy(update={"folder": draft.folder.name})
    return draft.publish(manifest_of(job, result, VIDEO_KIND.name))


def claim(store: SqlJobStore) -> Job:
    submit(store)
    job = store.claim("w")
    assert job is not None
    return job


def complete(store: SqlJobStore, job: Job, folder: str) -> None:
    assert store.complete(job.id, job.token or "", RESULT.model_copy(update={"folder": folder}))


def test_an_old_list_of_folders_harms_nobody(store: SqlJobStore, storage: Storage) -> None:
    one, two, three, four = (claim(store) for _ in range(4))
    done, adopted, removed, running = (publish(storage, job) for job in (one, two, three, four))
    complete(store, three, removed)
    names = list(storage.folders())
    complete(store, one, done)  # from here on, the list is an old one
    store.release(two.id, two.token or "")
    again = store.claim("w")
    assert again is not None
    new_name, _ = storage.adopt(again.id, again.token or "") or ("", {})
    complete(store, again, new_name)
    store.delete(three.id)
    storage.remove(three.id)
    sweep = OutputSweep(store, storage)
    sweep.settle(names)
    assert sweep.take_back(threading.Event()) == sweep.set_aside == 0
    assert set(storage.folders()) == {done, new_name, running}
    assert adopted != new_name


def test_a_draft_that_is_being_written_stays(store: SqlJobStore, storage: Storage) -> None:
    running, failed = claim(store), claim(store)
    drafts = [storage.begin(job.id, job.token or "") for job in (running, failed)]
    store.fail(failed.id, failed.token or "", FAILURE)
    stranger = storage.begin(token_hex(16), token_hex(16))
    assert sweep_outputs(store, storage).set_aside == 0
    assert [draft.folder.exists() for draft in (*drafts, stranger)] == [True, False, False]


def test_earlier_attempts_of_a_completed_job_go(store: SqlJobStore, storage: Storage) -> None:
    job = claim(store)
    first = publish(storage, job)
    store.release(job.id, job.token or "")
    again = store.claim("w")
    assert again is not None
    second = publish(storage, again)
    complete(store, again, second)
    assert set(storage.folders()) == {first, second}
    sweep_outputs(store, storage)
    assert list(storage.folders()) == [second]


def test_a_lonely_video_of_a_completed_job_is_set_aside(
    store: SqlJobStore, storage: Storage
) -> None:
    job = claim(store)
    folder = publish(storage, job)
    complete(store, job, f"{job.id}-{token_hex(16)}")
    assert sweep_outputs(store, storage).set_aside == 1
    assert (storage.unclaimed / folder / "video.mp4").exists()


def test_what_was_removed_between_two_looks_is_not_kept(
    store: SqlJobStore, storage: Storage
) -> None:
    job = claim(store)
    folder = publish(storage, job)
    complete(store, job, f"{job.id}-{token_hex(16)}")
    store.delete(job.id)
    sweep = OutputSweep(store, storage)
    sweep._put_aside([folder])  # as after a first look that still found the row
    assert sweep.set_aside == 0
    assert list(storage.folders()) == list(storage.unclaimed.parent.glob(".unclaimed/*")) == []


def test_what_was_removed_and_is_stuck_stays_removed(
    store: SqlJobStore, storage: Storage, tmp_path: Path
) -> None:
    job, other = claim(store), claim(store)
    for one in (job, other):
        complete(store, one, publish(storage, one))
        store.delete(one.id)
    folder = next(name for name in storage.folders() if name.startswith(job.id))
    in_the_way = storage.partial / f"{folder}.gone"  # its removal cannot begin
    in_the_way.write_bytes(b"")
    for _ in range(3):  # starts
        sweep_files(store, storage, tmp_path / "inputs", Arrivals(), threading.Event())
        assert (list(storage.folders()), store.page().jobs) == ([folder], ())
        assert store.removed(10) == [job.id]
    in_the_way.unlink()
    sweep_files(store, storage, tmp_path / "inputs", Arrivals(), threading.Event())
    assert list(storage.folders()) == store.removed(10) == []


def test_many_lost_videos_come_back_in_their_order(store: SqlJobStore, storage: Storage) -> None:
    made = []
    for _ in range(AT_ONCE + 5):
        job = claim(store)
        folder = publish(storage, job)
        complete(store, job, folder)
        made.append(job.id)
    other = SqlJobStore(store._engine.url.render_as_string() + ".new", "toy", VIDEO_KIND)
    try:
        assert sweep_outputs(other, storage).taken_back == len(made)
        found: list[str] = []
        cursor = None
        while len(found) < len(made):
            page = other.page(cursor=cursor, limit=100, oldest_first=True)
            found += [job.id for job in page.jobs]
            cursor = page.next_cursor
        assert found == made
    finally:
        other.close()


def test_an_upload_on_its_way_is_nobodys_to_judge(store: SqlJobStore, tmp_path: Path) -> None:
    arrivals, inputs = Arrivals(), tmp_path / "inputs"
    inputs.mkdir()
    path = inputs / f"{token_hex(16)}.png"
    with arrivals.of([path]):
        path.write_bytes(b"picture")
        sweep_uploads(store, inputs, arrivals, threading.Event())
        assert path.exists()
    assert sweep_uploads(store, inputs, arrivals, threading.Event()).uploads_set_aside == 1


def test_an_upload_of_a_refused_request_goes_at_once(tmp_path: Path) -> None:
    arrivals, path = Arrivals(), tmp_path / "x.png"

    def refused() -> None:
        with arrivals.of([path]):
            path.write_bytes(b"picture")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        refused()
    assert not path.exists()
    assert path.name not in arrivals


def test_a_stop_comes_between_two_steps(store: SqlJobStore, storage: Storage) -> None:
    stop = threading.Event()
    steps = in_steps(range(3 * AT_ONCE), stop)
    assert next(steps) == list(range(AT_ONCE))
    stop.set()
    with pytest.raises(Stopped):
        next(steps)
    folder = publish(storage, claim(store))
    with pytest.raises(Stopped):
        sweep_outputs(SqlJobStore("sqlite://", "toy", VIDEO_KIND), storage, stop)
    assert storage.is_published(folder)


def test_a_chore_is_told_to_stop_and_waited_for() -> None:
    events = []

    def work(stop: threading.Event) -> None:
        events.append("begun")
        begun.set()
        assert stop.wait(20)
        events.append("stopped")
        raise Stopped

    async def serve() -> None:
        async with chore(Keeper(), "work", work):
            await asyncio.to_thread(begun.wait, 20)
        events.append("over")

    begun = threading.Event()
    asyncio.run(serve())
    assert events == ["begun", "stopped", "over"]


def test_a_chore_that_fails_is_down_by_name_and_begins_again() -> None:
    tries: list[int] = []

    def work(_stop: threading.Event) -> None:
        tries.append(1)
        if len(tries) == 1:
            raise OSError
        done.set()

    async def pause(_seconds: float) -> None:
        down.update(keeper.down)

    async def serve() -> None:
        async with chore(keeper, "sweep", work):
            await asyncio.to_thread(done.wait, 20)

    done, down = threading.Event(), dict[str, str]()
    keeper = Keeper(pause=pause)
    asyncio.run(serve())
    assert (len(tries), down) == (2, {"sweep": "OSError"})
