"""A process that is killed while it stores a batch leaves all of it, or nothing."""

import subprocess
import sys

import pytest

from common.jobs.sql import SqlJobStore
from tests.contract.batch_submitter import JOBS
from tests.live import ROOT

STATEMENTS = 2 + JOBS + 1
"""Begin or lock, count, the jobs, the record."""


@pytest.mark.parametrize("statement", [1, 4, STATEMENTS - 1, STATEMENTS, STATEMENTS + 1])
def test_a_kill_leaves_a_whole_batch_or_nothing(store: SqlJobStore, url: str, statement: int):
    command = [sys.executable, "-m", "tests.contract.batch_submitter", url, str(statement)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    jobs, batches = store.page(limit=100).jobs, store.batch_page().batches
    if statement <= STATEMENTS:
        assert ended.returncode == -9, ended.stderr
        assert jobs == batches == ()
    else:
        assert ended.stdout.split() == [batch.id for batch in batches], ended.stderr
        assert {job.id for job in jobs} == set(batches[0].job_ids)
        assert len(jobs) == JOBS
