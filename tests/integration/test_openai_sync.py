"""One request, one video: who waits gets the file, who hangs up stops the work."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.integration.fleet import Fleet
from tests.integration.test_openai_errors import envelope
from tests.integration.test_routes import LONG
from tests.live import LiveService, wait_until
from tests.unit.media.ffprobe import probe, stream

PATH = "/v1/videos/sync"


def test_the_answer_is_the_video(service: LiveService, tmp_path: Path) -> None:
    answer = service.client.post(PATH, json={"prompt": "x", "num_frames": 17})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "video/mp4")
    path = tmp_path / "video.mp4"
    path.write_bytes(answer.content)
    assert int(stream(probe(path), "video")["nb_read_frames"]) == 17
    job = service.job(answer.headers["x-request-id"])
    assert (job["state"], answer.headers["x-model"]) == ("completed", "toy")
    assert float(answer.headers["x-inference-time-s"]) > 0


def test_a_form_is_taken_too(service: LiveService) -> None:
    answer = service.client.post(PATH, files={"prompt": (None, "x"), "seed": (None, "5")})
    assert answer.status_code == 200, answer.text
    assert service.job(answer.headers["x-request-id"])["resolved"]["seed"] == 5


def test_a_bad_request_is_refused_at_once(service: LiveService) -> None:
    answer = service.client.post(PATH, json={"prompt": "x", "seconds": 3000})
    assert envelope(answer, 400)["param"] == "seconds"


def test_who_hangs_up_cancels_the_job(service: LiveService) -> None:
    with pytest.raises(httpx.ReadTimeout):
        service.client.post(PATH, json={"prompt": "hung up", **LONG}, timeout=0.5)
    [job_id] = [job["id"] for job in service.jobs() if job["resolved"]["prompt"] == "hung up"]
    wait_until(lambda: service.job(job_id)["state"] == "cancelled", what="the job is cancelled")


def test_a_failed_job_says_why(service: LiveService) -> None:
    wrong = {"prompt": "x", "options": {"raise_at": "denoising"}}
    answer = service.client.post(PATH, json=wrong)
    error = envelope(answer, 500)
    assert (error["code"], error["type"]) == ("generation_failed", "server_error")
    assert answer.headers["x-should-retry"] == "false"


def test_who_waits_too_long_is_told_and_the_job_goes_on(fleet: Fleet) -> None:
    service = fleet.start(sync_seconds=0.3)
    answer = service.client.post(PATH, json={"prompt": "x", "options": {"step_seconds": 0.5}})
    assert envelope(answer, 504)["code"] == "still_running"
    job_id = answer.headers["x-request-id"]
    assert job_id in answer.json()["error"]["message"]
    assert answer.headers["x-should-retry"] == "false"
    assert service.wait_for(job_id, "completed")["result"]


@pytest.mark.slow
def test_a_service_that_stops_cancels_nothing(fleet: Fleet) -> None:
    service = fleet.start(drain_seconds=0)
    body = {"prompt": "x", "options": {"step_seconds": 0.2}, "num_inference_steps": 40}
    with ThreadPoolExecutor(1) as client:
        waiting = client.submit(service.client.post, PATH, json=body, timeout=60)
        [job] = wait_until(service.jobs, what="the job is there")
        service.wait_for(job["id"], "denoising")
        service.stop()
        error = envelope(waiting.result(), 503)
    assert (error["code"], job["id"] in error["message"]) == ("stopping", True)
    assert "Traceback" not in service.log()
    service.restart()
    assert service.wait_for(job["id"], "completed")["result"]
