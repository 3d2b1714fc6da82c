"""The wall clock is set ahead and back under a real service, while it runs and between two runs."""

from pathlib import Path
from typing import Any

import pytest

from tests.clocks import WallClock
from tests.integration.fleet import Fleet
from tests.integration.test_events import events
from tests.live import LiveService, wait_until
from tests.receivers import SECRET, Reply, receiver

HOUR, DAY = 3600, 86_400
KEY = {"Idempotency-Key": "one-and-the-same"}


@pytest.fixture
def wall(tmp_path: Path) -> WallClock:
    return WallClock(tmp_path)


def keyed(service: LiveService) -> str:
    answer = service.client.post("/generate", json={"prompt": "a bar"}, headers=KEY)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


@pytest.mark.parametrize("jump", [-HOUR, DAY])
def test_a_stream_that_goes_on_after_a_restart_gets_the_end(
    fleet: Fleet, wall: WallClock, jump: int
):
    service = fleet.start(drain_seconds=0, **wall.settings)
    job_id = service.submit({"step_seconds": 1}, num_inference_steps=60)
    service.wait_for(job_id, "denoising")
    seen = ""
    with service.client.stream("GET", f"/jobs/{job_id}/events") as stream:
        for line in stream.iter_lines():
            name, _, value = line.partition(": ")
            seen = value if name == "id" else seen
            if not line and seen:
                break
    service.stop()
    wall.jump(jump)
    service.restart()
    service.cancel(job_id)
    again = events(service, job_id, **{"Last-Event-ID": seen})
    assert again, "the present state at least"
    assert '"cancelled"' in again[-1]["data"]


@pytest.mark.slow
@pytest.mark.parametrize("jump", [-HOUR, 2 * DAY])
def test_a_key_makes_one_job_whatever_the_clock_says(fleet: Fleet, wall: WallClock, jump: int):
    service = fleet.start(**wall.settings)
    made = keyed(service)
    wall.jump(jump)
    assert keyed(service) == made
    service.stop()
    service.restart()
    assert keyed(service) == made
    assert len(service.jobs()) == 1


@pytest.mark.parametrize("jump", [-HOUR, DAY])
def test_a_job_took_as_long_as_it_took(fleet: Fleet, wall: WallClock, jump: int):
    service = fleet.start(**wall.settings)
    job_id = service.submit({"step_seconds": 0.2})
    service.wait_for(job_id, "denoising")
    wall.jump(jump)
    service.wait_for(job_id, "completed")
    told: dict[str, Any] = service.get("/metrics")
    assert 0.4 <= told["min_duration_seconds"] <= told["max_duration_seconds"] < 60
    assert service.query("SELECT seconds FROM jobs") == [(told["max_duration_seconds"],)]


@pytest.mark.slow
def test_a_clock_that_is_set_back_holds_up_no_webhook(fleet: Fleet, wall: WallClock):
    wall.jump(HOUR)
    with receiver() as target:
        target.answers(Reply(500), Reply())
        service = fleet.start(
            webhooks_allowed=1,
            webhook_secret=SECRET,
            webhook_allow_http=1,
            webhook_allow_private=1,
            webhook_ports="any",
            webhook_retry_seconds="2,2,2",
            **wall.settings,
        )
        job_id = service.submit(webhook_url=target.url)
        wait_until(lambda: target.told, what="the first try")
        service.stop()
        wall.jump(0)
        service.restart()
        wait_until(lambda: len(target.told) > 1, what="the second")
        path = f"/jobs/{job_id}/webhook"
        wait_until(lambda: service.get(path)["state"] == "delivered")
