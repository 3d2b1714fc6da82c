"""HunyuanVideo's code behind the real service, on tiny random weights in the published layout."""

from base64 import b64encode
from pathlib import Path

import pytest

from scripts.tiny import hunyuan as tiny
from scripts.tiny import hunyuan_15
from tests.integration import pictures
from tests.integration.test_models import made, serving
from tests.unit.media.ffprobe import stream

ASKED = {
    "prompt": "A cat walking on a beach at sunset",
    "resolution": "128x128",
    "num_frames": 17,
    "num_inference_steps": 4,
    "seed": 42,
}


def test_a_video_is_made_in_fp8_and_the_licence_is_told(tmp_path: Path):
    tiny.build(tmp_path / "models")
    with serving("hunyuan", tmp_path / "models", tmp_path) as service:
        info = service.get("/info")
        refused = service.client.post("/generate", json=ASKED | {"guidance_scale": 6})
        job, found = made(service, tmp_path, **ASKED)
        loaded = service.get("/info")["loaded"]
    assert "European Union, the United Kingdom and South Korea" in info["licence"]
    assert refused.status_code == 422
    assert refused.json()["error"]["param"] == "guidance_scale"
    video = stream(found, "video")
    assert (video["width"], video["height"], int(video["nb_read_frames"])) == (128, 128, 17)
    assert video["avg_frame_rate"] == "24/1"
    assert job["resolved"]["options"]["embedded_guidance_scale"] == 6
    assert (loaded["checkpoint"], loaded["quantization"]) == (
        "FastVideo/FastHunyuan-diffusers",
        "fp8",
    )
    assert job["result"]["checkpoint"] == loaded["checkpoint"]


@pytest.mark.slow
def test_a_picture_becomes_a_video_by_the_step_distilled_one_of_1_5(tmp_path: Path):
    hunyuan_15.build(tmp_path / "models")
    chosen = {"hunyuan_checkpoint": hunyuan_15.PICTURE}
    asked = ASKED | {"num_frames": 5, "image": b64encode(pictures.png()).decode()}
    with serving("hunyuan", tmp_path / "models", tmp_path, **chosen) as service:
        info = service.get("/info")
        words = {name: value for name, value in asked.items() if name != "image"}
        refused = service.client.post("/generate", json=words)
        job, found = made(service, tmp_path, **asked)
        loaded = service.get("/info")["loaded"]
    assert info["defaults"]["num_inference_steps"] == 12
    assert "European Union, the United Kingdom and South Korea" in info["licence"]
    assert (refused.status_code, refused.json()["error"]["param"]) == (422, "image")
    assert int(stream(found, "video")["nb_read_frames"]) == 5
    assert job["resolved"]["options"] == {"embedded_guidance_scale": None, "flow_shift": None}
    assert (loaded["checkpoint"], loaded["quantization"]) == (hunyuan_15.PICTURE, "fp8")
