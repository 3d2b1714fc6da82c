"""LTX-2's service makes a video in two stages, says so, and says why where it cannot."""

from pathlib import Path
from typing import Any

from scripts.tiny import ltx2 as tiny
from tests.integration.answers import error_of
from tests.integration.test_models import serving
from tests.live import LiveService

ASKED = {
    "prompt": "a cat",
    "resolution": "128x128",
    "num_frames": 9,
    "num_inference_steps": 2,
    "guidance_scale": 1,
    "two_stages": True,
}
HIGH = {"prompt": "a cat", "preset": "high", "dry_run": True}


def posted(service: LiveService, **body: Any) -> dict[str, Any]:
    answer = service.client.post("/generate", json=body)
    assert answer.is_success, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_video_in_two_stages(tmp_path: Path) -> None:
    (folder,) = tiny.build(tmp_path / "models", repositories=["Lightricks/LTX-2"])
    lora = folder / "ltx-2-19b-distilled-lora-384.safetensors"
    with serving("ltx2", tmp_path / "models", tmp_path) as service:
        assert "two_stages" in service.get("/info")["capabilities"]
        assert posted(service, **HIGH)["resolved"]["second_stage"]["num_inference_steps"] == 3
        job = service.finish(timeout=240, **ASKED)
        check_job(job, folder)
        check_remix(service, job)
        lora.rename(tmp_path / lora.name)
        check_without(service)


def check_job(job: dict[str, Any], folder: Path) -> None:
    weights = folder.glob("**/latent_upsampler/*"), folder.glob("*lora*")
    size = sum(path.stat().st_size for paths in weights for path in paths)
    stage = {"num_inference_steps": 3, "size_bytes": size, "revision": folder.name}
    assert job["resolved"]["second_stage"] == stage
    assert job["resolved"]["num_inference_steps"] == 2
    assert (job["result"]["width"], job["result"]["height"]) == (128, 128)
    assert job["result"]["has_audio"]
    assert job["adjustments"] == []


def check_remix(service: LiveService, job: dict[str, Any]) -> None:
    answer = service.client.post(f"/v1/videos/{job['id']}/remix", json={"prompt": "a dog"})
    assert answer.is_success, answer.text
    again = service.job(answer.json()["id"])
    assert again["resolved"]["second_stage"] == job["resolved"]["second_stage"]
    service.cancel(again["id"])


def check_without(service: LiveService) -> None:
    """A file has gone, and the service has not been started anew."""
    assert "two_stages" not in service.get("/info")["capabilities"]
    high = posted(service, **HIGH)
    assert high["resolved"]["second_stage"] is None
    (change,) = high["adjustments"]
    assert (change["field"], change["resolved"]) == ("two_stages", "false")
    answer = service.client.post("/generate", json=ASKED)
    assert answer.status_code == 422
    error = error_of(answer)
    assert error["param"] == "two_stages"
    assert error["hint"] == "Run: scripts/download_models.sh Lightricks/LTX-2"
