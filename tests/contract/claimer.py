"""A process that claims every job there is, and prints their ids."""

import sys

from common.jobs.sql import SqlJobStore
from common.kinds.video import VIDEO_KIND

if __name__ == "__main__":
    store = SqlJobStore(sys.argv[1], "toy", VIDEO_KIND)
    while job := store.claim("racer"):
        print(job.id)
    store.close()
