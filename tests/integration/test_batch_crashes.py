"""Batches outlive the service: what was accepted is finished, what was not has left nothing."""

import json
import threading
from typing import Any

import httpx
import pytest

from tests.integration import pictures
from tests.integration.fleet import Fleet
from tests.integration.test_batches import QUICK, end, make
from tests.live import LiveService, wait_until


@pytest.mark.slow
@pytest.mark.parametrize("how", ["stop", "kill"])
def test_a_batch_goes_on_after_a_restart(fleet: Fleet, how: str):
    service = fleet.start(drain_seconds=0)
    slow = {"prompt": "a", "options": {"step_seconds": 0.1}}
    batch = make(service, *[slow] * 6, {"prompt": ""})
    service.wait_for(batch["members"][1]["job_id"], "denoising")
    getattr(service, how)()
    service.restart()
    over = end(service, batch)
    assert over["counts"] == {"completed": 6, "refused": 1}
    assert [member["job_id"] for member in over["members"]] == [
        member["job_id"] for member in batch["members"]
    ]
    for member in over["members"][:6]:
        assert len(service.videos(member["job_id"])) == 1
    assert over["members"][6]["error"]["param"] == "requests.6.prompt"


def post_until_it_dies(service: LiveService, accepted: list[dict[str, Any]]) -> None:
    """Batches whose members share a picture, one after the other."""
    body = {"request": {**QUICK, "options": {"step_seconds": 60}}, "seeds": list(range(20))}
    body["request"]["prompt"] = "a"
    files = {"image": ("a.png", pictures.png(), "image/png")}
    with httpx.Client(base_url=service.url, trust_env=False) as client:
        try:
            while True:
                data = {"batch": json.dumps(body)}
                accepted.append(client.post("/generate/batch", data=data, files=files).json())
        except httpx.TransportError:
            return


@pytest.mark.parametrize("heard", [1, 3, 5])
def test_a_kill_leaves_whole_batches_and_no_stray_picture(fleet: Fleet, heard: int):
    service = fleet.start(max_queue=100_000)
    accepted: list[dict[str, Any]] = []
    client = threading.Thread(target=post_until_it_dies, args=(service, accepted))
    client.start()
    wait_until(lambda: len(accepted) >= heard, what="batches are accepted")
    service.kill()
    client.join()
    service.restart()
    listed = service.get("/batches?limit=100")["batches"]
    assert {batch["id"] for batch in accepted} <= {batch["id"] for batch in listed}
    for batch in listed:
        assert batch["total"] == sum(batch["counts"].values()) == 20
        assert "removed" not in batch["counts"]
    jobs = service.jobs()
    assert len(jobs) == 20 * len(listed)
    service.wait_swept()
    uploads = {path.name for path in (service.state / "inputs").glob("*.png")}
    assert uploads == {f"{job['id']}.png" for job in jobs}
