"""Steps of two services in one pipeline: made, failed, retried, cancelled, waited for."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.answers import error_of, events_of
from tests.integration.test_cli import Shell
from tests.live import wait_until
from tests.stacks import Stack, clip, longer, stack_of

SLOW = {"step_seconds": 60}
FILM = """\
name: a film
steps:
  - name: clip
    body: {prompt: a bar, num_frames: 9, fps: 8, resolution: 32x32}
  - name: longer
    body: {prompt: a bar, num_frames: 8, fps: 8, resolution: 32x32, extend: {step: clip}}
"""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with stack_of(tmp_path_factory.mktemp("stack"), "toy_a", "toy_b") as stack:
        yield stack.start()


@pytest.fixture
def stack(shared: Stack) -> Stack:
    for service in shared.services:
        if not service.running:
            service.restart()
    return shared


def test_each_step_goes_on_with_the_one_before(stack: Stack):
    before = set(stack.jobs())
    sent = stack.post(
        clip("first", "toy_a"),
        longer("second", "toy_b", "first"),
        longer("third", "toy_a", "second"),
        name="a bar",
    )
    assert (sent["state"], sent["step"], sent["percent"]) == ("running", "first", 0)
    events = events_of(stack.first, sent["links"]["events"])
    over = stack.end(sent)
    assert events[-1]["event"] == "state"
    assert (over["state"], over["percent"], over["error"]) == ("completed", 100, None)
    made = [step["job_id"] for step in over["steps"]]
    assert set(stack.jobs()) - before == set(made)
    last = stack.first.job(made[2])
    assert last["result"]["num_frames"] == 9 + 8 + 8
    assert last["requested"]["extend"] == made[1]
    assert over["result"]["job_id"] == made[2]
    assert stack.first.client.get(over["result"]["download"]).is_success
    assert stack.first.get("/pipelines")["pipelines"][0]["id"] == sent["id"]
    again = stack.post(clip("first", "toy_a"))
    assert again["seconds_left"] > 0, "it has learnt how long such steps take"
    stack.end(again)


def test_a_failed_step_is_retried_and_what_is_made_stays(stack: Stack):
    sent = stack.post(
        clip("first", "toy_a"),
        longer("second", "toy_b", "first", options={"raise_at": "denoising"}),
    )
    over = stack.end(sent)
    assert (over["state"], over["step"]) == ("failed", "second")
    assert over["error"]["message"].startswith("second: ")
    first, second = over["steps"]
    assert (first["state"], second["state"]) == ("completed", "failed")
    answer = stack.first.client.post(over["links"]["retry"])
    assert answer.status_code == 202, answer.text
    again = stack.end(sent)
    assert again["steps"][0]["job_id"] == first["job_id"]
    assert again["steps"][1]["earlier"] == [second["job_id"]]
    assert again["steps"][1]["job_id"] not in (None, second["job_id"])
    assert (
        error_of(stack.first.client.post(again["links"]["cancel"]))["code"] == "pipeline_conflict"
    )
    assert stack.first.client.delete(again["links"]["self"]).status_code == 204
    assert stack.first.client.get(again["links"]["self"]).status_code == 404
    assert stack.first.job(first["job_id"])["state"] == "completed", "jobs stay"


def test_a_refused_step_says_what_its_service_says(stack: Stack):
    over = stack.end(stack.post(clip("first", "toy_a", num_frames=100_000)))
    assert over["error"]["param"] == "steps.0.body.num_frames"
    assert over["steps"][0]["job_id"] is None


def test_a_file_that_is_gone_is_made_anew_by_a_retry(stack: Stack):
    gate = stack.services[1].submit(options=SLOW)
    sent = stack.post(clip("first", "toy_a"), longer("second", "toy_b", "first"))
    first = stack.until(sent, 0, "completed")
    second = stack.until(sent, 1, "queued")
    for service, job in ((1, second["job_id"]), (0, first["job_id"])):
        stack.services[service].cancel(job)
        assert stack.services[service].client.delete(f"/jobs/{job}").is_success
    over = stack.end(sent)
    assert over["state"] == "failed"
    stack.first.client.post(sent["links"]["retry"])
    over = stack.end(sent)
    assert [step["state"] for step in over["steps"]] == ["expired", "failed"]
    assert "no finished job" in over["error"]["message"]
    stack.first.client.post(sent["links"]["retry"])
    stack.services[1].cancel(gate)
    over = stack.end(sent)
    assert over["state"] == "completed"
    assert over["steps"][0]["earlier"] == [first["job_id"]]


def test_a_service_that_is_down_is_waited_for(stack: Stack):
    other = stack.services[1]
    other.stop()
    sent = stack.post(clip("first", "toy_a"), longer("second", "toy_b", "first"))

    def waits() -> Any:
        found = stack.read(sent)
        assert not found["error"], found["error"]
        return found["waiting_for"]

    assert wait_until(waits) == "toy_b does not answer"
    other.restart()
    assert stack.end(sent)["state"] == "completed"


def test_cancelling_cancels_the_job_of_its_step(stack: Stack):
    sent = stack.post(clip("first", "toy_b", options=SLOW), longer("second", "toy_a", "first"))
    first = stack.until(sent, 0, "running")
    answer = stack.first.client.post(sent["links"]["cancel"])
    assert answer.json()["state"] == "cancelling"
    over = stack.end(sent)
    assert (over["state"], over["steps"][1]["job_id"]) == ("cancelled", None)
    assert stack.services[1].job(first["job_id"])["state"] == "cancelled"


def test_a_pipeline_is_sent_once_with_a_key(stack: Stack):
    body = {"steps": [clip("first", "toy_a")]}
    key = {"Idempotency-Key": "one"}
    first = stack.first.client.post("/pipelines", json=body, headers=key)
    again = stack.first.client.post("/pipelines", json=body, headers=key)
    assert again.json()["id"] == first.json()["id"]
    assert again.headers["Idempotent-Replayed"] == "true"
    other = stack.first.client.post("/pipelines", json={**body, "name": "x"}, headers=key)
    assert error_of(other)["code"] == "idempotency_key_reused"
    stack.end(first.json())


def test_from_a_terminal(stack: Stack, tmp_path: Path):
    (tmp_path / "film.yaml").write_text(FILM)
    shell = Shell(tmp_path, stack.first.url)
    ran = shell("pipeline", "film.yaml", "--output", "film.mp4", "--json")
    found = json.loads(ran.out)
    assert (found["state"], found["name"]) == ("completed", "a film")
    assert (tmp_path / "film.mp4").stat().st_size == stack.first.job(found["result"]["job_id"])[
        "result"
    ]["size_bytes"]
    (tmp_path / "bad.json").write_text('{"steps": [{"name": "clip", "body": {"fps": 0}}]}')
    ran = shell("pipeline", "bad.json", "--wait", code=1)
    assert "clip: prompt" in ran.err
    (tmp_path / "bad.yaml").write_text("- steps")
    assert "no object with steps" in shell("pipeline", "bad.yaml", code=2).err


@pytest.mark.parametrize(
    ("steps", "param"),
    [
        ([], "steps"),
        ([{"name": "A", "body": {}}], "steps.0.name"),
        ([clip("a", "toy_c")], "steps.0.service"),
        ([clip("a", "toy_a"), clip("a", "toy_a")], "steps.1.name"),
        ([longer("a", "toy_a", "b"), clip("b", "toy_a")], "steps.0.body.extend.step"),
        ([clip("a", "toy_a", keyframes=[{"image": {"step": "a"}}])], "steps.0.body.keyframes.0"),
        ([clip("a", "toy_a", dry_run=True)], "steps.0.body.dry_run"),
        ([{**clip("a", "toy_a"), "path": "/jobs/../x"}], "steps.0.path"),
        ([{**clip("a", "toy_b"), "path": "/memory/unload"}], "steps.0.path"),
        ([{**clip("a", "toy_b"), "path": "/v1/videos/sync"}], "steps.0.path"),
        ([clip(f"a{number}", "toy_a") for number in range(21)], "steps"),
    ],
)
def test_what_cannot_be_made_is_refused_at_once(
    stack: Stack, steps: list[dict[str, Any]], param: str
):
    answer = stack.first.client.post("/pipelines", json={"steps": steps})
    assert answer.status_code == 422, answer.text
    assert str(error_of(answer)["param"]).startswith(param)
