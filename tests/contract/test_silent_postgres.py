"""A server that answers nothing, with every connection open: no thread waits for it for long."""

import threading
from collections.abc import Callable

import pytest

from common.base.errors import StoreUnavailable
from common.jobs.sql import SqlJobStore
from common.kinds.video import VIDEO_KIND
from tests.contract.test_store import submit
from tests.postgres import started

PATIENCE = 30.0
"""Four seconds for a statement, two to connect; and a busy machine."""


def in_time(work: Callable[[], object]) -> None:
    """It ends by itself, and says that the database does not answer."""
    said: list[bool] = []

    def ask() -> None:
        with pytest.raises(StoreUnavailable):
            work()
        said.append(True)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    assert said == [True]


def test_silence_ends_every_call_and_nothing_is_lost_by_it():
    with started() as server:
        store = SqlJobStore(server.url, "toy", VIDEO_KIND)
        job = submit(store)
        server.freeze()
        in_time(lambda: store.get(job.id))
        in_time(lambda: store.claim("w"))
        in_time(lambda: submit(store))
        server.thaw()
        assert store.get(job.id).attempts == 0
        claimed = store.claim("w")
        assert claimed is not None
        server.restart()
        assert store.get(job.id).token == claimed.token, "stale connections are replaced"
        store.close()


def test_a_silent_server_is_not_waited_for_at_a_start():
    with started() as server:
        server.freeze()
        in_time(lambda: SqlJobStore(server.url, "toy", VIDEO_KIND))
        server.thaw()
