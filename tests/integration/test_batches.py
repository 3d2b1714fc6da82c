"""Batches through a real service: many requests, some of them bad, followed as one."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.integration import pictures
from tests.integration.answers import error_of, events_of
from tests.integration.fleet import Fleet
from tests.live import ROOT, LiveService, wait_until

QUICK: dict[str, Any] = {"num_frames": 5, "num_inference_steps": 1}
LONG: dict[str, Any] = {"options": {"step_seconds": 0.5}, "num_inference_steps": 100}
FAILING: dict[str, Any] = {"prompt": "breaks", "options": {"raise_at": "denoising"}}
OVER = ("completed", "partial", "failed", "cancelled")


def post(service: LiveService, *requests: Any, **fields: Any) -> httpx.Response:
    return service.client.post("/generate/batch", json={"requests": list(requests), **fields})


def make(service: LiveService, *requests: Any, **fields: Any) -> dict[str, Any]:
    """A batch that must be accepted."""
    answer = post(service, *requests, **fields)
    assert answer.status_code == 202, answer.text
    batch: dict[str, Any] = answer.json()
    assert answer.headers["Location"] == batch["links"]["self"] == f"/batches/{batch['id']}"
    return batch


def end(service: LiveService, batch: dict[str, Any], timeout: float = 60) -> dict[str, Any]:
    def ended() -> dict[str, Any] | None:
        now: dict[str, Any] = service.get(batch["links"]["self"])
        return now if now["state"] in OVER else None

    return wait_until(ended, timeout, f"batch {batch['id']} ends")


def states(batch: dict[str, Any]) -> list[str]:
    return [member["state"] for member in batch["members"]]


@pytest.mark.slow
def test_a_hundred_with_three_bad_ones_are_97_videos_and_3_errors(fleet: Fleet):
    service = fleet.start()
    requests = [{"prompt": f"clip {index}", **QUICK} for index in range(100)]
    requests[3] = {"prompt": " "}
    requests[40] = {"prompt": "too fast", "num_inference_steps": 10**6}
    requests[99] = {"prompt": "a", "options": {"speed": 1}}
    batch = end(service, make(service, *requests, name="hundred"), timeout=180)
    assert (batch["state"], batch["counts"]) == ("partial", {"completed": 97, "refused": 3})
    assert (batch["total"], batch["percent"], batch["name"]) == (100, 100, "hundred")
    refused = {one["index"]: one["error"]["param"] for one in batch["members"] if one["error"]}
    assert refused == {
        3: "requests.3.prompt",
        40: "requests.40.num_inference_steps",
        99: "requests.99.options.speed",
    }
    assert all(one["error"]["hint"] for one in batch["members"] if one["error"])
    assert len(service.jobs(batch=batch["id"])) == len(service.jobs()) == 97
    for member in batch["members"]:
        if member["job_id"]:
            job = service.job(member["job_id"])
            assert (job["batch"], job["resolved"]["prompt"]) == (batch["id"], member["prompt"])


def test_prompts_and_seeds_are_multiplied(service: LiveService):
    body = {"request": QUICK, "prompts": ["a", ""], "seeds": [1, 2, -3]}
    answer = service.client.post("/generate/batch", json=body)
    batch = end(service, answer.json())
    assert states(batch) == ["completed"] * 2 + ["refused"] * 4
    params = [member["error"] and member["error"]["param"] for member in batch["members"]]
    assert params == [None, None, "seeds.2", "prompts.1", "prompts.1", "prompts.1"]
    seeds = [service.job(member["job_id"])["resolved"]["seed"] for member in batch["members"][:2]]
    assert seeds == [1, 2]


def test_all_bad_is_refused_with_each_error(service: LiveService):
    before = len(service.get("/batches")["batches"])
    answer = post(service, {"prompt": ""}, {"prompt": "a", "fps": 0}, "a cat")
    assert answer.status_code == 422
    body = answer.json()
    assert body["error"]["code"] == "batch_refused"
    assert "3 of 3" in body["error"]["message"]
    params = [member["error"]["param"] for member in body["members"]]
    assert params == ["requests.0.prompt", "requests.1.fps", "requests.2"]
    assert len(service.get("/batches")["batches"]) == before


def test_strict_refuses_the_whole_for_one(service: LiveService):
    before = len(service.jobs())
    answer = post(service, {"prompt": "a"}, {"prompt": ""}, strict=True)
    assert answer.status_code == 422
    assert [member["index"] for member in answer.json()["members"]] == [1]
    assert "strict" in answer.json()["error"]["hint"]
    assert len(service.jobs()) == before


def test_a_dry_run_says_what_each_would_become(service: LiveService):
    before = len(service.jobs())
    answer = post(service, {"prompt": "a", "num_frames": 8}, {"prompt": ""}, dry_run=True)
    assert answer.status_code == 200
    planned = answer.json()
    assert (planned["dry_run"], planned["jobs"], planned["refused"]) == (True, 1, 1)
    assert planned["video_seconds"] == 1.125
    first, second = planned["members"]
    assert first["resolved"]["num_frames"] == 9
    assert first["adjustments"][0]["field"] == "num_frames"
    assert first["memory"]["total_bytes"] > 0
    assert second["error"]["param"] == "requests.1.prompt"
    assert len(service.jobs()) == before


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"requests": []}, "requests"),
        ({"requests": [{"prompt": "a"}] * 101}, "requests"),
        ({"requests": [{"prompt": "a"}] * 21}, "requests"),  # MAX_QUEUE is 20 here
        ({"requests": [{"prompt": "a", "dry_run": True}]}, "requests.0.dry_run"),
        ({"requests": [{"prompt": "a", "image": "AAAA"}]}, "requests.0.image"),
        ({"request": {"prompt": "a"}}, None),
        ({"requests": [{"prompt": "a"}], "colour": 1}, "colour"),
        ({"requests": [{"prompt": "a"}], "name": "n" * 201}, "name"),
        ([], None),
    ],
)
def test_a_wrong_batch_is_told_what_is_wrong(service: LiveService, body: Any, param: str | None):
    answer = service.client.post("/generate/batch", json=body)
    assert answer.status_code == 422, answer.text
    error = answer.json()["error"]
    assert error["param"] == param
    assert error["hint"]


def test_a_queue_without_room_for_all_takes_none(service: LiveService):
    running = [service.submit(**LONG) for _ in range(5)]
    answer = post(service, *[{"prompt": "a"}] * 16)
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0
    assert "room for 15" in error_of(answer)["message"]
    assert {job["id"] for job in service.jobs(state=["queued", "running"])} <= set(running)


def test_a_cancelled_batch_keeps_its_finished_videos(service: LiveService):
    batch = make(service, {"prompt": "a", **QUICK}, *[{"prompt": "b", **LONG}] * 3)
    first, second = (member["job_id"] for member in batch["members"][:2])
    service.wait_for(first, "completed")
    service.wait_for(second, "denoising")
    running = service.get(batch["links"]["self"])
    assert (running["state"], running["counts"]["completed"]) == ("running", 1)
    cancelled = service.client.post(batch["links"]["cancel"])
    assert cancelled.status_code == 200
    over = end(service, batch)
    assert (over["state"], over["counts"]) == ("partial", {"completed": 1, "cancelled": 3})
    assert len(service.videos(first)) == 1
    again = service.client.post(batch["links"]["cancel"])
    assert (again.status_code, error_of(again)["code"]) == (409, "batch_conflict")


def test_a_batch_can_be_cancelled_before_it_begins(service: LiveService):
    blocker = service.submit(**LONG)
    batch = make(service, *[{"prompt": "a"}] * 3)
    assert batch["state"] == "queued"
    cancelled = service.client.post(batch["links"]["cancel"]).json()
    assert (cancelled["state"], cancelled["counts"]) == ("cancelled", {"cancelled": 3})
    assert service.job(blocker)["state"] not in ("cancelled", "cancelling")


def test_one_member_is_cancelled_as_any_job(service: LiveService):
    batch = make(service, {"prompt": "a", **QUICK}, {"prompt": "b", **LONG})
    assert service.client.post(batch["members"][1]["links"]["cancel"]).status_code == 200
    assert end(service, batch)["counts"] == {"completed": 1, "cancelled": 1}


def test_what_failed_is_retried_and_its_history_kept(service: LiveService):
    batch = make(service, {"prompt": "a", **QUICK}, FAILING, {"prompt": ""})
    over = end(service, batch)
    assert states(over) == ["completed", "failed", "refused"]
    old = over["members"][1]["job_id"]
    assert over["members"][1]["error"]["code"] == "generation_failed"
    answer = service.client.post(batch["links"]["retry"])
    assert (answer.status_code, answer.json()["state"]) == (202, "running")
    again = end(service, batch)
    new = again["members"][1]
    assert (new["state"], new["earlier"]) == ("failed", [old])
    assert new["job_id"] != old
    assert service.job(new["job_id"])["resolved"] == service.job(old)["resolved"]
    assert len(service.jobs(batch=batch["id"])) == 3
    assert again["members"][0] == over["members"][0]


def test_without_failures_there_is_nothing_to_retry(service: LiveService):
    batch = end(service, make(service, {"prompt": "a", **QUICK}, {"prompt": ""}))
    answer = service.client.post(batch["links"]["retry"])
    assert (answer.status_code, error_of(answer)["code"]) == (409, "batch_conflict")


def test_a_removed_batch_takes_its_jobs_and_files_along(service: LiveService):
    batch = make(service, {"prompt": "a", **QUICK}, FAILING, {"prompt": "b", **LONG})
    refused = service.client.delete(batch["links"]["self"])
    assert (refused.status_code, error_of(refused)["code"]) == (409, "batch_conflict")
    assert "cancel" in error_of(refused)["hint"]
    ids = [member["job_id"] for member in batch["members"]]
    service.wait_for(ids[1], "failed")
    service.cancel(ids[2])
    end(service, batch)
    assert service.videos(ids[0])
    assert service.client.delete(batch["links"]["self"]).status_code == 204
    assert service.videos(ids[0]) == []
    for path in (batch["links"]["self"], *(f"/jobs/{job_id}" for job_id in ids)):
        assert service.client.get(path).status_code == 404
    assert batch["id"] not in [one["id"] for one in service.get("/batches?limit=100")["batches"]]


def test_a_member_that_was_removed_leaves_its_place(service: LiveService):
    batch = end(service, make(service, *[{"prompt": "a", **QUICK}] * 2))
    service.client.delete(batch["members"][0]["links"]["self"])
    now = service.get(batch["links"]["self"])
    assert states(now) == ["removed", "completed"]
    assert now["state"] == "completed"


@pytest.mark.parametrize("route", ["", "/events", "/manifest", "/download", "/cancel", "/retry"])
def test_an_unknown_batch_is_not_found(service: LiveService, route: str):
    method = "POST" if route in ("/cancel", "/retry") else "GET"
    for path in (f"/batches/nothing{route}", f"/batches/{'0' * 32}{route}"):
        answer = service.client.request(method, path)
        assert (answer.status_code, error_of(answer)["code"]) == (404, "batch_not_found")


def test_the_list_of_batches_has_pages(service: LiveService):
    made = [make(service, {"prompt": "a", **QUICK}, name=name)["id"] for name in "abc"]
    first = service.get("/batches?limit=2")
    assert [batch["id"] for batch in first["batches"]] == made[:0:-1]
    assert "members" not in first["batches"][0]
    second = service.get(f"/batches?limit=1&cursor={first['next_cursor']}")
    assert second["batches"][0]["id"] == made[0]
    wrong = service.client.get("/batches?cursor=x")
    assert (wrong.status_code, error_of(wrong)["param"]) == (422, "cursor")


def test_a_batch_from_start_to_end_as_events(service: LiveService):
    slow = {"prompt": "a", "options": {"step_seconds": 0.3}}
    batch = make(service, slow, slow, {"prompt": ""})
    found = events_of(service, batch["links"]["events"])
    told = [json.loads(event["data"]) for event in found]
    assert told[-1] == service.get(batch["links"]["self"])
    assert told[-1]["state"] == "partial"
    assert [one["percent"] for one in told] == sorted(one["percent"] for one in told)
    assert {event["event"] for event in found} == {"state", "progress"}
    numbers = [int(event["id"].rpartition("-")[2]) for event in found]
    assert numbers == list(range(1, len(found) + 1))


def test_an_open_stream_does_not_hold_up_the_end(fleet: Fleet):
    service = fleet.start(drain_seconds=0.1)
    batch = make(service, {"prompt": "a", **LONG})
    with service.client.stream("GET", batch["links"]["events"]) as answer:
        lines = answer.iter_lines()
        assert next(lines)
        service.process.terminate()
        assert "" in list(lines), "the last event is whole"
    assert service.exit_code() == 0
    assert "Traceback" not in service.log()


def test_the_documentation_shows_how_to_send_a_batch(service: LiveService):
    paths = service.get("/openapi.json")["paths"]
    body = paths["/generate/batch"]["post"]["requestBody"]["content"]
    assert set(body) == {"application/json", "multipart/form-data"}
    for example in body["application/json"]["examples"].values():
        sent = {**example["value"], "dry_run": True}
        sent["request"] = sent.get("request") and {"num_frames": 5}
        answer = service.client.post("/generate/batch", json=sent)
        assert answer.status_code == 200, answer.text
    assert "/batches/{batch_id}/download" in paths


def form(service: LiveService, batch: dict[str, Any], image: bytes) -> httpx.Response:
    files = {"image": ("cat.png", image, "image/png")}
    return service.client.post("/generate/batch", data={"batch": json.dumps(batch)}, files=files)


def test_a_shared_picture_stays_until_its_last_job_goes(service: LiveService):
    body = {"request": QUICK, "prompts": ["a", "b"]}
    answer = form(service, body, pictures.png())
    assert answer.status_code == 202, answer.text
    batch = end(service, answer.json())
    ids = [member["job_id"] for member in batch["members"]]
    for job_id in ids:
        job = service.job(job_id)
        assert job["state"] == "completed"
        assert job["resolved"]["image"] == f"{job_id}.png"
        assert job["requested"]["image"] == "png 64x48"
    uploads = [service.state / "inputs" / f"{job_id}.png" for job_id in ids]
    assert uploads[0].stat().st_nlink == 2, "on disk once"
    service.client.delete(f"/jobs/{ids[0]}")
    assert [path.exists() for path in uploads] == [False, True]
    assert uploads[1].read_bytes() == pictures.png()
    service.client.delete(batch["links"]["self"])
    assert not uploads[1].exists()


def test_a_retried_job_has_its_picture_too(service: LiveService):
    body = {"requests": [{"prompt": "a", "options": {"raise_at": "denoising"}}]}
    batch = end(service, form(service, body, pictures.png()).json())
    old = batch["members"][0]["job_id"]
    new = service.client.post(batch["links"]["retry"]).json()["members"][0]["job_id"]
    service.wait_for(new, "failed")
    service.client.delete(f"/jobs/{old}")
    assert service.job(new)["resolved"]["image"] == f"{new}.png"
    assert (service.state / "inputs" / f"{new}.png").read_bytes() == pictures.png()


def test_a_refused_batch_leaves_no_picture(service: LiveService):
    before = service.inputs()
    answer = form(service, {"requests": [{"prompt": "a"}]}, b"no picture")
    assert (answer.status_code, error_of(answer)["param"]) == (422, "image")
    service.submit(**LONG)
    full = form(service, {"requests": [{"prompt": "a"}] * 20}, pictures.png())
    assert full.status_code == 429
    assert service.inputs() == before


def test_a_picture_is_sent_once(service: LiveService):
    body = {"requests": [{"prompt": "a", **QUICK}, {"prompt": "b", "image": pictures.data_url()}]}
    batch = form(service, body, pictures.png()).json()
    assert batch["members"][1]["error"]["param"] == "requests.1.image"


def test_a_form_without_the_batch_says_what_is_missing(service: LiveService):
    answer = service.client.post("/generate/batch", files={"image": ("a.png", pictures.png())})
    assert (answer.status_code, error_of(answer)["param"]) == (422, "batch")


def test_the_commands_of_the_docs_work_as_printed(service: LiveService, tmp_path: Path):
    (tmp_path / "cat.png").write_bytes(pictures.png())
    text = (ROOT / "docs" / "batches.md").read_text()
    sizes = []
    for command in re.findall(r"```bash\n(.*?)```", text, re.DOTALL):
        here = command.replace("localhost:8002", service.url.removeprefix("http://"))
        done = subprocess.run(
            ["/bin/bash", "-c", here], cwd=tmp_path, capture_output=True, check=True
        )
        batch = json.loads(done.stdout)
        assert set(batch["counts"]) <= {"queued", "waiting", "loading", "running", "completed"}
        sizes.append(batch["total"])
        service.client.post(batch["links"]["cancel"])
    assert sizes == [2, 6, 4]
