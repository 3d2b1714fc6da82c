"""What a video looks like while it is made, from real services."""

import io
import json
from pathlib import Path

import httpx
import numpy as np
from PIL import Image

from scripts.tiny import wan21 as tiny_wan21
from tests.integration.fleet import Fleet
from tests.integration.test_events import events
from tests.integration.test_models import SMALL, serving
from tests.live import LiveService, wait_until

SLOW = {"step_seconds": 0.3}


def preview_of(service: LiveService, job_id: str) -> httpx.Response | None:
    answer = service.client.get(f"/jobs/{job_id}/preview")
    return answer if answer.status_code == 200 else None


def pixels(answer: httpx.Response) -> np.ndarray:
    with Image.open(io.BytesIO(answer.content)) as picture:
        return np.asarray(picture.convert("RGB")).astype(int)


def left_behind(service: LiveService) -> list[Path]:
    return list((service.outputs / ".previews").glob("*"))


def test_a_picture_comes_and_goes(service: LiveService):
    job_id = service.submit(SLOW, num_inference_steps=8)
    answer = wait_until(lambda: preview_of(service, job_id), what="a preview")
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["cache-control"] == "no-store"
    assert len(answer.content) < 10_000
    picture = pixels(answer)
    assert picture.shape == (192, 256, 3)
    assert picture[96, 20, 0] > 200 > 60 > picture[96, 20, 2], "red on the left"
    assert picture[96, 235, 2] > 200 > 60 > picture[96, 235, 0], "blue on the right"
    assert service.job(job_id)["progress"]["preview"] >= 2

    job = service.wait_for(job_id, "completed")
    assert job["progress"]["preview"] is None
    gone = service.client.get(f"/jobs/{job_id}/preview")
    error = gone.json()["error"]
    assert (gone.status_code, error["code"], error["param"]) == (404, "no_preview", "id")
    wait_until(lambda: not left_behind(service), what="the file is gone")
    (folder,) = service.videos(job_id)
    assert {path.name for path in folder.iterdir()} == {
        "video.mp4",
        "thumbnail.jpg",
        "manifest.json",
    }


def test_the_stream_tells_of_it(service: LiveService):
    job_id = service.submit(SLOW, num_inference_steps=5)
    told = [json.loads(e["data"]) for e in events(service, job_id) if e["event"] == "preview"]
    assert told == [{"step": step, "url": f"/jobs/{job_id}/preview?step={step}"} for step in (2, 4)]


def test_an_unknown_job_has_none(service: LiveService):
    answer = service.client.get("/jobs/nothing/preview")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "job_not_found")


def test_a_preview_that_fails_fails_no_job(service: LiveService):
    job_id = service.submit({"bad_preview": True}, num_inference_steps=6)
    assert service.wait_for(job_id, "completed")["result"]["num_frames"] == 9
    assert service.log().count("no previews") == 1


def test_none_where_none_are_wanted(fleet: Fleet):
    service = fleet.start(preview_every=0)
    job_id = service.submit(SLOW)
    service.wait_for(job_id, "decoding", "completed")
    assert {event["event"] for event in events(service, job_id)} <= {"state", "progress"}
    assert left_behind(service) == []


def test_a_killed_job_leaves_no_picture(fleet: Fleet):
    service = fleet.start(max_attempts=1)
    job_id = service.submit({"step_seconds": 0.5}, num_inference_steps=20)
    wait_until(lambda: preview_of(service, job_id), what="a preview")
    service.kill_worker()
    service.wait_for(job_id, "failed")
    assert preview_of(service, job_id) is None
    wait_until(lambda: not left_behind(service), what="the file is gone")


def test_a_real_model(tmp_path: Path):
    tiny_wan21.build_2_1(tmp_path / "models")
    with serving("wan21", tmp_path / "models", tmp_path / "wan21") as service:
        job_id = service.submit(**SMALL | {"num_inference_steps": 4, "resolution": "256x128"})
        told = [event for event in events(service, job_id) if event["event"] == "preview"]
        steps = {json.loads(event["data"])["step"] for event in told}
        assert steps
        assert steps <= {2, 4}  # the last is gone with the job, perhaps before anybody looked
        slow = service.submit(**SMALL | {"num_inference_steps": 60, "resolution": "256x128"})
        answer = wait_until(lambda: preview_of(service, slow), 60, "a preview")
        assert pixels(answer).shape == (128, 256, 3)
        assert service.log().count("no previews") == 0
        assert service.cancel(slow).status_code == 200
        service.wait_for(slow, "cancelled", timeout=60)
        wait_until(lambda: not left_behind(service), what="the file is gone")
