"""LTX-2's service makes a video in two stages, says so, and says why where it cannot."""

from pathlib import Path
from typing import Any

from scripts.tiny import ltx2 as tiny
from tests.films import film
from tests.integration.answers import error_of
from tests.integration.test_models import serving
from tests.live import LiveService
from tests.unit.test_upscalers import stand_in

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
        check_enlarged(service, film(tmp_path / "a.mp4", 11, 12, "62x46"), folder)
        check_large_network(service, tmp_path / "models")


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


def check_enlarged(service: LiveService, path: Path, folder: Path) -> None:
    """By its latents alone, for which no LoRA is needed; its sound and its frames go on."""
    assert "latent_upscaling" in service.get("/info")["capabilities"]
    asked = {"strength": "0", "enable_upscaling": "true", "upscaler": "latent"}
    smoother = asked | {"enable_frame_interpolation": "true"}
    with path.open("rb") as file:
        answer = service.client.post("/generate", data=smoother, files={"video": ("a.mp4", file)})
    assert answer.status_code == 202, answer.text
    job = service.wait_for(answer.json()["id"], "completed", timeout=240)
    result, upsampler = job["result"], folder / "latent_upsampler"
    assert (result["width"], result["height"]) == (124, 92)
    assert (result["num_frames"], result["fps"]) == (21, 24)
    assert (result["checkpoint"], result["has_audio"]) == ("Lightricks/LTX-2", False)
    assert job["resolved"]["upscaler"] == {
        "name": "latent",
        "size_bytes": sum(each.stat().st_size for each in upsampler.iterdir()),
        "revision": folder.name,
    }
    remix = service.client.post(f"/v1/videos/{job['id']}/remix", json={"prompt": "a dog"})
    assert remix.status_code == 409, "there is no prompt to change"


def check_large_network(service: LiveService, models: Path) -> None:
    """Refused until its files are there; of a video with sound, which goes on."""
    first = service.finish(timeout=240, **{**ASKED, "two_stages": False, "resolution": "64x64"})
    body = {"video": {"job": first["id"]}, "strength": 0, "enable_upscaling": True}
    large = body | {"upscaler": "realesrgan-x4plus"}
    error = error_of(service.client.post("/generate", json=large))
    assert (error["param"], error["hint"]) == (
        "upscaler",
        "Run: scripts/download_models.sh upscalers",
    )
    stand_in(models)
    assert "x4plus_upscaling" in service.get("/info")["capabilities"]
    job, latent = (
        service.wait_for(posted(service, **each)["id"], "completed", timeout=240)
        for each in (large, body | {"upscaler": "latent"})
    )
    for result in (job["result"], latent["result"]):
        assert (result["width"], result["num_frames"], result["has_audio"]) == (128, 9, True)
    assert job["result"]["checkpoint"] == "realesrgan-x4plus"
    assert set(job["result"]["timings"]) == {"encoding_video"}, "no model was asked"
