"""Every route answers as it is documented, and every error has the one shape."""

from typing import Any

import pytest

from tests.integration.answers import error_of
from tests.live import LiveService

UNKNOWN = "0" * 32
LONG: dict[str, Any] = {"options": {"step_seconds": 0.5}, "num_inference_steps": 100}
"""Longer than any test, and left at once when it is cancelled."""


def test_the_root_names_the_service_and_the_way_on(service: LiveService) -> None:
    root = service.get("/")
    assert (root["name"], root["model"]) == ("VideosDGX", "toy")
    assert "POST /generate" in root["routes"]


def test_health_says_that_the_process_lives(service: LiveService) -> None:
    health = service.get("/health")
    assert health["status"] == "ok"
    assert health["uptime_seconds"] >= 0


def test_ready_while_jobs_are_accepted(service: LiveService) -> None:
    ready = service.get("/ready")
    assert (ready["ready"], ready["reasons"]) == (True, [])
    assert isinstance(ready["model_loaded"], bool)


def test_info_tells_limits_defaults_and_what_is_really_loaded(service: LiveService) -> None:
    service.finish()
    info = service.get("/info")
    assert (info["limits"]["frames_step"], info["defaults"]["width"]) == (4, 64)
    assert "step_seconds" in info["options"]["properties"]
    assert info["loaded"]["state"] == "loaded"
    assert info["loaded"]["revision"] == info["checkpoint"]["revision"] == "toy-revision"
    (note,) = info["checkpoint"]["revision_notes"]
    assert "main is a branch and may move" in note


def test_a_dry_run_answers_and_queues_nothing(service: LiveService) -> None:
    before = len(service.jobs())
    answer = service.client.post(
        "/generate", json={"prompt": "x", "num_frames": 8, "dry_run": True}
    )
    assert answer.status_code == 200
    assert answer.json()["resolved"]["num_frames"] == 9
    assert answer.json()["adjustments"][0]["field"] == "num_frames"
    memory = answer.json()["memory"]
    assert memory["capacity_bytes"] > memory["total_bytes"] >= memory["run_bytes"] > 0
    assert len(service.jobs()) == before


def test_the_list_has_pages(service: LiveService) -> None:
    ids = [service.submit(**LONG) for _ in range(3)]
    first = service.get("/jobs?limit=2")
    assert [job["id"] for job in first["jobs"]] == [ids[2], ids[1]]
    second = service.get(f"/jobs?limit=2&cursor={first['next_cursor']}")
    assert second["jobs"][0]["id"] == ids[0]


def test_the_list_can_be_narrowed_to_states(service: LiveService) -> None:
    job_id = service.finish()["id"]
    assert job_id in [job["id"] for job in service.jobs(state="completed")]
    assert service.get("/jobs?state=queued&state=running")["jobs"] == []


def test_a_queued_job_knows_its_place(service: LiveService) -> None:
    running, first, second = [service.submit(**LONG) for _ in range(3)]
    service.wait_for(running, "running")
    assert service.job(first)["queue_position"] == 0
    assert service.job(second)["queue_position"] == 1
    queue = service.get("/queue/status")
    assert (queue["queued"], queue["running"], queue["max_queue"]) == (2, 1, 20)


def test_metrics_count_what_was_done(service: LiveService) -> None:
    before = service.get("/metrics")
    job_id = service.finish()["id"]
    after = service.get("/metrics")
    assert after["successful"] == before["successful"] + 1
    assert after["last_10"][0]["id"] == job_id
    assert after["queue_depth"] == 0


def test_the_description_of_the_api_loads_and_shows_an_example(service: LiveService) -> None:
    assert service.client.get("/docs").status_code == 200
    generate = service.get("/openapi.json")["paths"]["/generate"]["post"]
    schema = generate["requestBody"]["content"]["application/json"]["schema"]
    assert schema["examples"][0]["prompt"]


def test_every_documented_route_exists_in_the_description(service: LiveService) -> None:
    described = {
        f"{verb.upper()} {path}"
        for path, verbs in service.get("/openapi.json")["paths"].items()
        for verb in verbs
    }
    assert {
        "GET /", "GET /health", "GET /ready", "GET /info", "POST /generate", "GET /jobs",
        "GET /jobs/{job_id}", "DELETE /jobs/{job_id}", "POST /jobs/{job_id}/cancel",
        "GET /jobs/{job_id}/download", "GET /jobs/{job_id}/thumbnail", "GET /queue/status",
        "POST /unload", "POST /load", "GET /metrics",
    } <= described  # fmt: skip


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("GET", f"/jobs/{UNKNOWN}"),
        ("DELETE", f"/jobs/{UNKNOWN}"),
        ("POST", f"/jobs/{UNKNOWN}/cancel"),
        ("GET", f"/jobs/{UNKNOWN}/download"),
        ("GET", f"/jobs/{UNKNOWN}/thumbnail"),
        ("GET", "/jobs/..%2f..%2fetc%2fpasswd"),
        ("GET", "/jobs/%00"),
        ("GET", "/no/such/route"),
    ],
)
def test_what_does_not_exist_is_404(service: LiveService, verb: str, path: str) -> None:
    answer = service.client.request(verb, path)
    assert answer.status_code == 404
    assert error_of(answer)["code"] in ("job_not_found", "not_found")


def test_a_wrong_verb_is_405(service: LiveService) -> None:
    answer = service.client.put("/generate")
    assert answer.status_code == 405
    assert error_of(answer)["code"] == "method_not_allowed"


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=101", "state=sleeping", "cursor=x", "cursor=99999999999999999999999"],
)
def test_a_wrong_query_is_422(service: LiveService, query: str) -> None:
    answer = service.client.get(f"/jobs?{query}")
    assert answer.status_code == 422
    assert error_of(answer)["param"] == query.partition("=")[0]


def test_an_unfinished_job_has_nothing_to_download_and_stays(service: LiveService) -> None:
    job_id = service.submit(**LONG)
    service.wait_for(job_id, "running")
    for answer in (
        service.client.get(f"/jobs/{job_id}/download"),
        service.client.get(f"/jobs/{job_id}/thumbnail"),
        service.client.delete(f"/jobs/{job_id}"),
    ):
        assert answer.status_code == 409
        assert error_of(answer)["code"] == "job_conflict"
    assert service.job(job_id)["state"] == "running"


def test_an_ended_job_cannot_be_cancelled(service: LiveService) -> None:
    answer = service.cancel(service.finish()["id"])
    assert answer.status_code == 409
    assert "completed" in error_of(answer)["message"]


def test_a_full_queue_says_when_to_come_back(service: LiveService) -> None:
    ids = [service.submit(**LONG) for _ in range(20)]
    answer = service.client.post("/generate", json={"prompt": "one more"})
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 0
    assert error_of(answer)["code"] == "queue_full"
    assert all(service.job(job_id)["state"] in ("queued", "waiting", "running") for job_id in ids)
