"""Claims whose answer was lost: the database made them, and nobody heard of it."""

from functools import partial
from pathlib import Path

from common.base.errors import StoreUnavailable
from common.jobs.database import sqlite_url
from common.jobs.model import Job
from common.jobs.sql import SqlJobStore
from common.jobs.states import JobState
from common.kinds.video import VIDEO_KIND
from common.publishing.storage import Storage
from common.publishing.volumes import Volumes
from common.worker.control import Control
from common.worker.hands import Hands
from common.worker.previews import Previews
from tests.contract.test_store import submit


class LostAnswers(SqlJobStore):
    """Does what it is told, and does not say so, ``lost`` times."""

    lost = 0

    def claim(self, worker: str) -> Job | None:
        job = super().claim(worker)
        if self.lost:
            self.lost -= 1
            raise StoreUnavailable
        return job


def hands_of(store: SqlJobStore, folder: Path) -> Hands:
    previews = partial(
        Previews, every=0, files=Storage(folder / "outputs", VIDEO_KIND.files).previews
    )
    return Hands(store, "me", Control(None), previews, Volumes(()))


def test_a_claim_that_was_not_answered_is_given_back(tmp_path: Path):
    store = LostAnswers(sqlite_url(tmp_path / "jobs.db"), "toy", VIDEO_KIND)
    hands = hands_of(store, tmp_path)
    first, second = submit(store), submit(store)
    store.lost = 1
    assert hands.claim() is None
    assert store.get(first.id).state is not JobState.QUEUED
    held = hands.claim()
    assert held is not None
    assert (held.job.id, held.job.attempts) == (first.id, 1)
    assert store.get(second.id).state is JobState.QUEUED
    store.close()


def test_what_is_in_hand_stays_there(tmp_path: Path):
    store = LostAnswers(sqlite_url(tmp_path / "jobs.db"), "toy", VIDEO_KIND)
    hands = hands_of(store, tmp_path)
    for _ in range(2):
        submit(store)
    held = hands.claim()
    assert held is not None
    store.lost = 1
    assert hands.claim() is None
    assert hands.claim() is not None
    assert store.get(held.job.id).token == held.token
    store.close()
