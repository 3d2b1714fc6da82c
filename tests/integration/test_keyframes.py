"""LTX-2's service makes videos through pictures: asked, stored, told and made again."""

from base64 import b64encode
from pathlib import Path
from typing import Any

from scripts.tiny import ltx2 as tiny
from tests.integration import pictures
from tests.integration.answers import error_of
from tests.integration.test_models import serving
from tests.live import LiveService

PICTURE = b64encode(pictures.png()).decode()
ASKED = {
    "prompt": "a cat",
    "resolution": "64x64",
    "num_frames": 17,
    "num_inference_steps": 2,
    "guidance_scale": 1,
}


def stored(service: LiveService) -> set[str]:
    return {path.name for path in service.inputs()}


def refused(service: LiveService, **fields: Any) -> tuple[str | None, str]:
    answer = service.client.post("/generate", json={**ASKED, **fields})
    assert answer.status_code == 422, answer.text
    error = error_of(answer)
    return error["param"], error["message"]


def test_a_video_goes_through_pictures_of_a_file_and_of_a_job(tmp_path: Path) -> None:
    tiny.build(tmp_path / "models", repositories=["Lightricks/LTX-2"])
    with serving("ltx2", tmp_path / "models", tmp_path) as service:
        assert {"keyframes", "last_image"} <= set(service.get("/info")["capabilities"])
        first = service.finish(timeout=240, **{**ASKED, "last_image": PICTURE})
        key = {"image": {"job": first["id"], "frame": 3}, "frame": 8, "strength": 0.5}
        keys = [{"image": PICTURE, "frame": 4}, key]
        job = service.finish(timeout=240, **ASKED, keyframes=keys, extend=first["id"])
        assert job["requested"]["keyframes"] == [{"frame": 4}, key]
        resolved, name = job["resolved"], job["id"]
        assert resolved["keyframes"] == [
            {"path": f"{name}.keyframe0.png", "frame": 4, "strength": 1},
            {"path": f"{name}.keyframe1.png", "frame": 8, "strength": 0.5},
        ]
        assert job["result"]["num_frames"] == 17 + resolved["num_frames"]
        assert stored(service) >= {f"{name}.keyframe0.png", f"{name}.keyframe1.png"}
        check_retake(service, first)
        check_errors(service, keys)
        check_remix(service, job)
        before = stored(service)
        assert service.client.delete(f"/jobs/{name}").is_success
        assert before - stored(service) == {each for each in before if each.startswith(name)}


def check_retake(service: LiveService, first: dict[str, Any]) -> None:
    span = {"job": first["id"], "from": 0.1, "to": 0.3}
    asked = {name: value for name, value in ASKED.items() if name != "num_frames"}
    job = service.finish(timeout=240, **asked, retake=span)
    assert (job["resolved"]["num_frames"], job["result"]["num_frames"]) == (17, 17)
    assert job["result"]["has_audio"]


def check_errors(service: LiveService, keys: list[dict[str, Any]]) -> None:
    before = stored(service)
    param, message = refused(service, keyframes=[keys[0], {"image": PICTURE, "frame": 17}])
    assert (param, "17 frames are made" in message) == ("keyframes.1.frame", True)
    assert refused(service, keyframes=[{"image": PICTURE, "frame": 1}] * 9)[0] == "keyframes"
    missing = {"image": {"job": keys[1]["image"]["job"], "frame": 17}, "frame": 1}
    assert refused(service, keyframes=[missing])[0] == "keyframes.0.image.frame"
    broken = {"image": b64encode(b"no picture").decode(), "frame": 1}
    assert refused(service, keyframes=[broken])[0] == "keyframes.0.image"
    assert stored(service) == before


def check_remix(service: LiveService, job: dict[str, Any]) -> None:
    """And a client of OpenAI's API says it too."""
    body = {"prompt": "x", "size": "64x64", "num_frames": 9, "num_inference_steps": 2}
    body["keyframes"] = [{"image": PICTURE, "frame": -1}]
    answer = service.client.post("/v1/videos", json=body)
    assert answer.is_success, answer.text
    assert service.job(answer.json()["id"])["resolved"]["keyframes"][0]["frame"] == 8
    service.cancel(answer.json()["id"])
    answer = service.client.post(f"/v1/videos/{job['id']}/remix", json={"prompt": "a dog"})
    assert answer.is_success, answer.text
    again = service.job(answer.json()["id"])["resolved"]
    assert [key["frame"] for key in again["keyframes"]] == [4, 8]
    assert again["extend"]
    service.cancel(answer.json()["id"])
