"""The real models' code behind the real service, on tiny random weights."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from scripts.tiny import ltx2 as tiny_ltx2
from scripts.tiny import wan21 as tiny_wan21
from tests.integration import pictures
from tests.live import LiveService
from tests.unit.media.ffprobe import probe, stream

Json = dict[str, Any]
PLAN = {
    "prompt": "A cat walking on a beach at sunset",
    "duration": 5,
    "resolution": "1024x576",
    "fps": 24,
    "seed": 42,
}
SMALL = {"prompt": "a cat", "resolution": "128x128", "num_frames": 9, "num_inference_steps": 2}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    tiny_ltx2.build(folder)
    tiny_wan21.build(folder)
    return folder


@contextmanager
def serving(model: str, models: Path, folder: Path, **settings: object) -> Iterator[LiveService]:
    """A model's own service, as a user starts it, but for patience: two cores are slow."""
    patient = {"cancel_grace_seconds": 60, "models_dir": models, **settings}
    service = LiveService(folder, f"{model}.app", model, **patient)
    try:
        yield service.start()
    finally:
        service.close()


def made(
    service: LiveService, folder: Path, **fields: Any
) -> tuple[dict[str, Any], dict[str, Any]]:
    """A job from post to the downloaded file, and what ffprobe says of that."""
    job = service.finish(timeout=240, **fields)
    file = folder / "downloaded.mp4"
    file.write_bytes(service.client.get(job["links"]["download"]).content)
    return job, probe(file)


@pytest.mark.slow
def test_the_plans_own_example(models: Path, tmp_path: Path):
    with serving("ltx2", models, tmp_path) as service:
        answer = service.client.post(
            "/generate",
            content=json.dumps(PLAN),
            headers={"Content-Type": "application/json"},
        )
        assert answer.status_code == 202
        job = service.wait_for(answer.json()["id"], "completed", timeout=300)
        file = tmp_path / "downloaded.mp4"
        file.write_bytes(service.client.get(job["links"]["download"]).content)
        loaded = service.get("/info")["loaded"]
    found = probe(file)
    video, audio = stream(found, "video"), stream(found, "audio")
    assert (video["width"], video["height"], int(video["nb_read_frames"])) == (1024, 576, 121)
    assert video["avg_frame_rate"] == "24/1"
    assert float(audio["duration"]) == pytest.approx(121 / 24, abs=0.03)
    assert (audio["channels"], audio["sample_rate"]) == (2, "24000")
    assert (job["resolved"]["num_frames"], job["resolved"]["seed"]) == (121, 42)
    assert [change["field"] for change in job["adjustments"]] == ["duration"]
    tags = found["format"]["tags"]
    assert (tags["prompt"], tags["seed"]) == (PLAN["prompt"], "42")
    assert (tags["checkpoint"], tags["revision"]) == (loaded["checkpoint"], loaded["revision"])
    assert loaded["checkpoint"] == "Lightricks/LTX-2"
    assert loaded["revision"].startswith("tiny-random-")


def test_ltx2_takes_a_picture_can_be_silent_and_writes_its_prompt(models: Path, tmp_path: Path):
    with serving("ltx2", models, tmp_path) as service:
        fields = {name: str(value) for name, value in SMALL.items()} | {"generate_audio": "false"}
        fields |= {"enhance_prompt": "true", "seed": "7"}
        answer = service.client.post(
            "/generate", data=fields, files={"image": ("cat.png", pictures.png(), "image/png")}
        )
        assert answer.status_code == 202, answer.text
        job = service.wait_for(answer.json()["id"], "completed", timeout=240)
    assert job["result"]["has_audio"] is False
    assert job["requested"]["image"].startswith("png ")
    assert job["resolved"]["enhanced_prompt"] not in (None, "", job["resolved"]["prompt"])
    assert job["resolved"]["image"] == f"{job['id']}.png", "no path of this machine"


@pytest.mark.slow
def test_ltx_2_3_distilled_makes_picture_and_sound_in_eight_steps(models: Path, tmp_path: Path):
    checkpoint = "diffusers/LTX-2.3-Distilled-Diffusers"
    with serving("ltx2", models, tmp_path, ltx2_checkpoint=checkpoint) as service:
        job, found = made(service, tmp_path, **{**SMALL, "num_inference_steps": 8})
        info = service.get("/info")
    assert job["result"]["checkpoint"] == checkpoint
    assert (job["resolved"]["num_inference_steps"], job["resolved"]["guidance_scale"]) == (8, 1)
    assert stream(found, "audio")["sample_rate"] == "48000"
    assert info["limits"]["min_steps"] == info["limits"]["max_steps"] == 8
    assert info["defaults"]["negative_prompt"] == ""


def test_wan21_makes_its_native_rate_and_says_so(models: Path, tmp_path: Path):
    with serving("wan21", models, tmp_path) as service:
        dry = service.client.post("/generate", json={**SMALL, "fps": 24, "dry_run": True}).json()
        job, found = made(service, tmp_path, **SMALL, fps=24, options={"flow_shift": 4})
        again = service.finish(timeout=240, **SMALL, seed=job["resolved"]["seed"])
    assert stream(found, "video")["avg_frame_rate"] == "16/1"
    assert [(a["field"], a["requested"], a["resolved"]) for a in job["adjustments"]] == [
        ("fps", 24, 16)
    ]
    assert dry["memory"]["load_bytes"] > 0
    assert (dry["seconds"], dry["resolved"]["num_frames"]) == (None, 9)
    assert job["result"]["has_audio"] is False
    assert again["attempts"] == 1


def test_wan22s_two_experts_make_a_video_and_say_how_each_was_guided(models: Path, tmp_path: Path):
    checkpoint = "Wan-AI/Wan2.2-T2V-A14B-Diffusers"
    with serving("wan21", models, tmp_path, wan21_checkpoint=checkpoint) as service:
        dry = service.client.post("/generate", json={**SMALL, "dry_run": True}).json()
        job, found = made(service, tmp_path, **SMALL, guidance_scale=2)
        info = service.get("/info")
    assert stream(found, "video")["nb_read_frames"] == "9"
    assert job["result"]["checkpoint"] == checkpoint
    assert job["resolved"]["options"]["guidance_scale_2"] == 1.5
    assert dry["resolved"]["options"]["guidance_scale_2"] == 3.0
    defaults = info["defaults"]
    assert (defaults["guidance_scale"], defaults["guidance_scale_2"]) == (4.0, 3.0)
    assert defaults["num_inference_steps"] == 40
    assert info["limits"]["max_pixels"] == 1280 * 720
    assert info["loaded"]["quantization"] == "fp8"


@pytest.mark.parametrize(
    "checkpoint",
    [
        "Wan-AI/Wan2.1-I2V-14B-480P-Diffusers",
        pytest.param("Wan-AI/Wan2.2-I2V-A14B-Diffusers", marks=pytest.mark.slow),
    ],
)
def test_wan21_takes_a_picture_with_an_image_checkpoint(
    models: Path, tmp_path: Path, checkpoint: str
):
    with serving("wan21", models, tmp_path, wan21_checkpoint=checkpoint) as service:
        refused = service.client.post("/generate", json=SMALL)
        answer = service.client.post(
            "/generate",
            data={name: str(value) for name, value in SMALL.items()},
            files={"image": ("cat.png", pictures.png(), "image/png")},
        )
        job = service.wait_for(answer.json()["id"], "completed", timeout=240)
    assert refused.status_code == 422
    assert refused.json()["error"]["param"] == "image"
    assert job["result"]["checkpoint"] == checkpoint
