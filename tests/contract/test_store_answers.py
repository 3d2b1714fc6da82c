"""What was done, and whose answer was lost on its way."""

from common.contract.work import Adjustment
from common.jobs.sql import SqlJobStore
from tests.contract.test_store import RESOLVED, RESULT, claimed, running


def test_a_completion_that_is_said_twice_stays(store: SqlJobStore):
    """The first answer was lost on its way: saying it again must not cost the video."""
    job_id, token = running(store)
    assert store.complete(job_id, token, RESULT)
    assert store.complete(job_id, token, RESULT)
    assert not store.complete(job_id, "old", RESULT.model_copy(update={"folder": "another"}))


def test_what_became_of_a_request_is_what_the_next_attempt_reads(store: SqlJobStore):
    job_id, token = running(store)
    note = Adjustment(field="prompt", requested="a", resolved="b", reason="written anew")
    new = RESOLVED.model_copy(update={"enhanced_prompt": "a tabby cat"})
    assert store.amend(job_id, token, new, [note])
    assert store.amend(job_id, token, new, [note]), "the first answer may have been lost"
    store.release(job_id, token)
    assert not store.amend(job_id, token, RESOLVED, []), "it is no longer held"
    again, _ = claimed(store)
    assert again == job_id
    job = store.get(job_id)
    assert (job.resolved, job.adjustments) == (new, (note,))
    assert job.requested == {"prompt": "a cat", "fps": 24}
