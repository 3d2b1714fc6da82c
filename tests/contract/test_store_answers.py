"""What was done, and whose answer was lost on its way."""

from common.jobs.sql import SqlJobStore
from tests.contract.test_store import RESULT, running


def test_a_completion_that_is_said_twice_stays(store: SqlJobStore):
    """The first answer was lost on its way: saying it again must not cost the video."""
    job_id, token = running(store)
    assert store.complete(job_id, token, RESULT)
    assert store.complete(job_id, token, RESULT)
    assert not store.complete(job_id, "old", RESULT.model_copy(update={"folder": "another"}))
