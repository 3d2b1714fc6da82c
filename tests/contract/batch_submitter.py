"""A process that stores one batch, and is killed after its n-th statement, if it has so many."""

import os
import signal
import sys
from itertools import count

from sqlalchemy import Engine, event

from common.jobs.sql import SqlJobStore
from common.kinds.video import VIDEO_KIND
from tests.contract.test_batches import planned

JOBS = 3


def kill_at(last: int) -> None:
    """SIGKILL to ourselves, when the statement is done and its transaction is not."""
    numbers = count(1)

    @event.listens_for(Engine, "after_cursor_execute")
    def _executed(*_: object) -> None:
        if next(numbers) == last:
            os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    store = SqlJobStore(sys.argv[1], "toy", VIDEO_KIND)
    kill_at(int(sys.argv[2]))
    print(store.submit_batch(*planned(JOBS), 100).id, flush=True)
