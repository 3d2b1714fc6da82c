"""A process that sends jobs with keys ``k0``, ``k1``, ... and prints the ids that it got."""

import sys

from common.jobs.model import Job
from common.jobs.sql import SqlJobStore
from common.kinds.video import VIDEO_KIND
from tests.contract.test_store import new_job
from tests.contract.test_store_keys import use

if __name__ == "__main__":
    url, count = sys.argv[1], int(sys.argv[2])
    store = SqlJobStore(url, "toy", VIDEO_KIND)
    for number in range(count):
        (job,) = store.submit([new_job(key=use(f"k{number}"))], 1_000_000)
        assert isinstance(job, Job)
        print(number, job.id, flush=True)
    store.close()
