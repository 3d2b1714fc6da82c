"""When a job will be done, from a real service."""

import json
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from tests.integration.fleet import Fleet
from tests.integration.test_events import events
from tests.live import LiveService

SLOW = {"step_seconds": 0.2, "chunk_seconds": 0.1}
"""Three steps and three chunks: nearly a second."""


def test_from_unknown_to_measured(fleet: Fleet):
    service = fleet.start()
    body = {"prompt": "a bar", "options": SLOW, "dry_run": True}
    unknown = service.client.post("/generate", json=body).json()
    assert unknown["seconds"] is None
    assert unknown["eta"] == {
        "seconds_left": None,
        "queue_seconds": None,
        "run_seconds": None,
        "finish_at": None,
        "past_runs": 0,
    }
    assert service.finish(options=SLOW)["eta"] is None, "it has ended"
    assert service.get("/metrics")["eta_errors"] == {"jobs": 0, "median": None}

    known = service.client.post("/generate", json=body).json()
    assert 0.5 < known["seconds"] < 5
    assert known["eta"]["past_runs"] == 1
    _watch_two(service)
    _measured(service)


def _watch_two(service: LiveService) -> None:
    first, second = service.submit(SLOW), service.submit(SLOW)
    queued = service.job(second)["eta"]
    assert 0 < queued["queue_seconds"] < queued["seconds_left"]
    listed = {job["id"]: job["eta"] for job in service.jobs()}
    assert listed[second]["finish_at"] is not None
    told = events(service, second)
    _never_backwards([json.loads(e["data"]) for e in told if e["event"] != "preview"])
    done = datetime.fromisoformat(service.job(second)["finished_at"])
    promised = datetime.fromisoformat(queued["finish_at"])
    assert abs((done - promised).total_seconds()) < 3
    assert promised.tzinfo == UTC
    assert service.job(first)["state"] == "completed"


def _never_backwards(jobs: list[dict[str, Any]]) -> None:
    """Within a state, and with the same jobs ahead, less and less is left."""
    for before, after in pairwise(jobs):
        same = before["state"] == after["state"] and after["queue_position"] is None
        if same and before["eta"] and after["eta"]:
            assert after["eta"]["seconds_left"] <= before["eta"]["seconds_left"]
            assert after["progress"]["seconds_left"] == after["eta"]["seconds_left"]


def _measured(service: LiveService) -> None:
    errors = service.get("/metrics")["eta_errors"]
    assert errors["jobs"] == 2
    assert 0 <= errors["median"] < 1
    text = service.client.get("/metrics", headers={"Accept": "text/plain"}).text
    families = {family.name: family for family in text_string_to_metric_families(text)}
    (error,) = families["videosdgx_eta_error_ratio"].samples
    assert (error.labels, error.value) == ({"model": "toy"}, errors["median"])
    (jobs,) = families["videosdgx_eta_jobs"].samples
    assert jobs.value == 2
