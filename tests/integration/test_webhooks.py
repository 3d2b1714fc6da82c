"""Webhooks of a real service, told to a real receiver, whatever is killed in between."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

from tests.live import LiveService, wait_until
from tests.receivers import SECRET, Receiver, Reply, Told, receiver


@pytest.fixture
def target() -> Iterator[Receiver]:
    with receiver() as opened:
        yield opened


@pytest.fixture
def teller(tmp_path: Path) -> Iterator[LiveService]:
    service = LiveService(
        tmp_path,
        webhooks_allowed=1,
        webhook_secret=SECRET,
        webhook_allow_http=1,
        webhook_allow_private=1,
        webhook_ports="any",
        webhook_timeout_seconds=1,
        webhook_retry_seconds="0.1,0.1,0.1,0.1",
    )
    yield service.start()
    service.close()


def told(target: Receiver, count: int = 1) -> list[Told]:
    wait_until(lambda: len(target.told) >= count, what=f"{count} calls come in")
    return list(target.told)


def delivered(service: LiveService, job_id: str) -> dict[str, Any]:
    def view() -> dict[str, Any] | None:
        found: dict[str, Any] = service.get(f"/jobs/{job_id}/webhook")
        return found if found["state"] != "pending" else None

    return wait_until(view, what="the delivery ends")


def test_every_end_is_told(teller: LiveService, target: Receiver):
    made = teller.submit(webhook_url=target.url)
    teller.wait_for(made, "completed")
    broken = teller.submit(webhook_url=target.url, options={"raise_at": "denoising"})
    teller.wait_for(broken, "failed")
    blocker = teller.submit(options={"step_seconds": 60})
    unwanted = teller.submit(webhook_url=target.url)
    teller.cancel(unwanted)
    teller.cancel(blocker)
    events = [Webhook(SECRET).verify(one.body, one.headers) for one in told(target, 3)]
    by_type = {event["type"]: event for event in events}
    ids = {kind: event["data"]["id"] for kind, event in by_type.items()}
    assert ids == {"job.completed": made, "job.failed": broken, "job.cancelled": unwanted}
    assert "secret inside" not in str(events)
    assert (
        teller.client.get(by_type["job.completed"]["data"]["links"]["download"]).status_code == 200
    )
    for job_id in (made, broken, unwanted):
        assert delivered(teller, job_id)["state"] == "delivered"


def test_the_clients_of_openai_have_the_field_too(teller: LiveService, target: Receiver):
    body = {"prompt": "a bar", "webhook_url": target.url}
    video = teller.client.post("/v1/videos", json=body).json()
    assert told(target)[0].json["data"]["id"] == video["id"]
    assert teller.job(video["id"])["requested"]["webhook_url"] == target.url
    form = {"prompt": (None, "a bar"), "webhook_url": (None, target.url)}
    assert teller.client.post("/generate", files=form).status_code == 202
    told(target, 2)


def test_a_call_that_was_under_way_at_a_kill_is_made_again(teller: LiveService, target: Receiver):
    target.answers(Reply(hangs=True), Reply())
    job_id = teller.submit(webhook_url=target.url)
    told(target)
    teller.kill()
    teller.restart()
    first, second = told(target, 2)
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body
    assert delivered(teller, job_id)["state"] == "delivered"


def test_a_job_that_ended_while_the_service_was_dead_is_told(teller: LiveService, target: Receiver):
    job_id = teller.submit(webhook_url=target.url, options={"step_seconds": 0.2})
    teller.wait_for(job_id, "denoising")
    teller.kill()
    teller.restart()
    assert told(target)[0].json["data"]["id"] == job_id


def test_the_log_of_the_deliveries(teller: LiveService, target: Receiver):
    target.answers(Reply(500), Reply(302, {"Location": teller.url}), Reply(200))
    job_id = teller.submit(webhook_url=target.url, options={"step_seconds": 0.1})
    before = teller.get(f"/jobs/{job_id}/webhook")
    assert (before["state"], before["attempts"], before["id"]) == ("pending", [], None)
    view = delivered(teller, job_id)
    assert [one["status"] for one in view["attempts"]] == [500, 302, 200]
    assert (view["url"], view["next_attempt_at"]) == (target.url, None)
    plain = teller.finish()
    answer = teller.client.get(f"/jobs/{plain['id']}/webhook")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "webhook_not_found")


def test_a_receiver_that_hangs_delays_no_job_and_no_stop(teller: LiveService, target: Receiver):
    target.answers(Reply(hangs=True))
    for _ in range(4):
        teller.finish(webhook_url=target.url)
    told(target)
    assert teller.client.get("/health").elapsed.total_seconds() < 1
    teller.stop()


def test_refused_where_it_is_not_allowed(service: LiveService):
    body = {"prompt": "a bar", "webhook_url": "https://example.org/hook", "dry_run": True}
    error = service.client.post("/generate", json=body).json()["error"]
    assert (error["code"], error["param"]) == ("unresolvable", "webhook_url")
    assert "WEBHOOKS_ALLOWED" in error["hint"]
    del body["dry_run"]
    answer = service.client.post("/v1/videos", json=body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "webhook_url")
    broken = service.client.post("/generate", json={"prompt": "a bar", "webhook_url": "hook"})
    assert (broken.status_code, broken.json()["error"]["param"]) == (422, "webhook_url")


def test_no_start_without_a_secret(tmp_path: Path):
    service = LiveService(tmp_path, webhooks_allowed=1)
    service.launch()
    assert service.exit_code() == 1
    service.wait_said("WEBHOOK_SECRET: webhooks are allowed")
