"""Server-sent events of a real service, read as a browser reads them."""

import json
from typing import Any

from tests.integration.answers import events_of
from tests.integration.fleet import Fleet
from tests.live import LiveService


def events(service: LiveService, job_id: str, **headers: str) -> list[dict[str, str]]:
    return events_of(service, f"/jobs/{job_id}/events", **headers)


def number(event: dict[str, Any]) -> int:
    return int(event["id"].rpartition("-")[2])


def test_a_job_from_start_to_end(service: LiveService):
    job_id = service.submit({"step_seconds": 0.3})
    found = events(service, job_id)
    jobs = [json.loads(event["data"]) for event in found if event["event"] != "preview"]
    assert jobs[-1]["state"] == "completed"
    assert jobs[-1] == service.job(job_id)
    assert {event["event"] for event in found} == {"state", "progress", "preview"}
    assert [number(event) for event in found] == list(range(1, len(found) + 1))
    assert any(job["progress"]["phase"] == "denoising" for job in jobs)


def test_only_what_was_missed(service: LiveService):
    job_id = service.submit({"step_seconds": 0.2})
    found = events(service, job_id)
    again = events(service, job_id, **{"Last-Event-ID": found[-2]["id"]})
    assert again == found[-1:]


def test_who_knows_the_end_is_told_to_stop(service: LiveService):
    """A browser's own EventSource comes back for ever after every end of a stream: 204 stops it."""
    job_id = service.submit()
    found = events(service, job_id)
    path = f"/jobs/{job_id}/events"
    again = service.client.get(path, headers={"Last-Event-ID": found[-1]["id"]})
    assert (again.status_code, again.content) == (204, b"")
    assert events(service, job_id, **{"Last-Event-ID": found[0]["id"]})[-1] == found[-1]
    service.stop()
    service.restart()  # the series is another one now; the end is the same
    headers = {"Last-Event-ID": found[-1]["id"]}
    assert service.client.get(path, headers=headers).status_code == 204
    assert [event["event"] for event in events(service, job_id)] == ["state"]


def test_a_running_job_is_followed_whatever_was_seen_of_it(service: LiveService):
    job_id = service.submit({"step_seconds": 0.1})
    found = events(service, job_id, **{"Last-Event-ID": "abcd.end-7"})
    assert json.loads(found[-1]["data"])["state"] == "completed"


def test_a_batch_ends_as_a_job_does_and_begins_again_with_a_retry(service: LiveService):
    """Every stream of events: who knows its end is told to stop, and a retry is no end."""
    body = {"requests": [{"prompt": "x", "options": {"raise_at": "denoising"}}]}
    batch_id = service.client.post("/generate/batch", json=body).json()["id"]
    path = f"/batches/{batch_id}/events"
    said = service.client.get(path).text
    last = {"Last-Event-ID": said.rpartition("id: ")[2].strip()}
    assert service.client.get(path, headers=last).status_code == 204
    service.submit({"step_seconds": 30})  # in front of the retry
    service.client.post(f"/batches/{batch_id}/retry")
    with service.client.stream("GET", path, headers=last) as stream:
        assert stream.status_code == 200
        assert next(stream.iter_lines())


def test_an_unknown_job_is_not_found(service: LiveService):
    answer = service.client.get("/jobs/nothing/events")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "job_not_found")


def test_an_open_stream_does_not_hold_up_the_end(fleet: Fleet):
    service = fleet.start(drain_seconds=0.1)
    job_id = service.submit({"step_seconds": 30})
    service.wait_for(job_id, "running")
    with service.client.stream("GET", f"/jobs/{job_id}/events") as stream:
        lines = stream.iter_lines()
        assert next(lines)
        service.process.terminate()
        assert "" in list(lines), "the last event is whole"
    assert service.exit_code() == 0
    assert "Traceback" not in service.log()
