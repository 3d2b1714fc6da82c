"""VACE's service: pictures of what a video shows, kept and told; a clip that goes on."""

from base64 import b64encode
from pathlib import Path
from typing import Any

from scripts.tiny import wan21 as tiny
from tests.integration import pictures
from tests.integration.answers import error_of
from tests.integration.test_models import serving
from tests.live import LiveService

CHECKPOINT = "Wan-AI/Wan2.1-VACE-1.3B-diffusers"
PICTURE = b64encode(pictures.png()).decode()
ASKED: dict[str, Any] = {
    "prompt": "a cat",
    "resolution": "128x128",
    "num_frames": 5,
    "num_inference_steps": 1,
    "guidance_scale": 1,
}


def test_a_video_of_pictures_goes_on_and_a_span_of_it_is_made_anew(tmp_path: Path) -> None:
    tiny.build_vace(tmp_path / "models")
    with serving("wan21", tmp_path / "models", tmp_path, wan21_checkpoint=CHECKPOINT) as service:
        info = service.get("/info")
        assert {"reference_images", "last_image", "retake"} <= set(info["capabilities"])
        assert info["defaults"]["num_inference_steps"] == 50
        first = service.finish(timeout=240, **ASKED, image=PICTURE, last_image=PICTURE)
        references = [PICTURE, {"job": first["id"], "frame": 1}]
        job = service.finish(timeout=240, **ASKED, extend=first["id"], reference_images=references)
        name = job["id"]
        assert job["requested"]["reference_images"] == [None, references[1]]
        kept = [f"{name}.reference0.png", f"{name}.reference1.png"]
        assert job["resolved"]["reference_images"] == kept
        assert {path.name for path in service.inputs()} >= set(kept)
        made = job["resolved"]["num_frames"]
        assert job["result"]["num_frames"] == first["result"]["num_frames"] + made
        followed = service.finish(timeout=240, **ASKED, video={"job": first["id"]})
        assert followed["result"]["num_frames"] == 5
        assert (followed["resolved"]["strength"], followed["resolved"]["video_frames"]) == (None, 0)
        check_retake(service, first)
        check_errors(service, references[1])
        check_remix(service, job)


def check_retake(service: LiveService, first: dict[str, Any]) -> None:
    asked = {name: value for name, value in ASKED.items() if name != "num_frames"}
    span = {"job": first["id"], "from": 0.1, "to": 0.2}
    job = service.finish(timeout=240, **asked, retake=span)
    assert job["result"]["num_frames"] == 5


def check_errors(service: LiveService, frame: dict[str, Any]) -> None:
    broken = b64encode(b"no picture").decode()
    for wrong, param in (
        ([PICTURE, broken], "reference_images.1"),
        ([PICTURE, {**frame, "frame": 99}], "reference_images.1.frame"),
        ([PICTURE] * 5, "reference_images"),
    ):
        answer = service.client.post("/generate", json={**ASKED, "reference_images": wrong})
        assert answer.status_code == 422, answer.text
        assert error_of(answer)["param"] == param


def check_remix(service: LiveService, job: dict[str, Any]) -> None:
    """And a client of OpenAI's API says it too."""
    body = {"prompt": "x", "size": "128x128", "reference_images": [PICTURE]}
    answer = service.client.post("/v1/videos", json=body)
    assert answer.is_success, answer.text
    asked = service.job(answer.json()["id"])["resolved"]
    assert len(asked["reference_images"]) == 1
    service.cancel(answer.json()["id"])
    answer = service.client.post(f"/v1/videos/{job['id']}/remix", json={"prompt": "a dog"})
    assert answer.is_success, answer.text
    again = service.job(answer.json()["id"])["resolved"]
    assert len(again["reference_images"]) == 2
    service.cancel(answer.json()["id"])
