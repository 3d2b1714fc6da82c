"""MAGI-1 behind the real service, on tiny random weights: chunks, pictures, cancelling."""

from pathlib import Path

import pytest

from scripts.tiny import magi1 as tiny
from tests.formats import COMPUTE_DTYPE
from tests.integration import pictures
from tests.integration.test_models import made, serving
from tests.live import LiveService, wait_until
from tests.unit.media.ffprobe import stream

SMALL = {"prompt": "a cat", "resolution": "128x128", "num_inference_steps": 8}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    tiny.build(folder)
    return folder


def test_two_chunks_of_a_story(models: Path, tmp_path: Path):
    story = {"chunk_prompts": ["a cat sits", "it jumps"], "style": "anime"}
    with serving("magi1", models, tmp_path) as service:
        job, found = made(service, tmp_path, **SMALL, duration=2.1, seed=7, options=story)
        dry = service.client.post("/generate", json={**SMALL, "dry_run": True}).json()
        loaded = service.get("/info")["loaded"]
    video = stream(found, "video")
    assert (video["width"], video["height"], int(video["nb_read_frames"])) == (128, 128, 48)
    assert video["avg_frame_rate"] == "24/1"
    assert [change["field"] for change in job["adjustments"]] == ["duration"]
    assert job["result"]["checkpoint"] == loaded["checkpoint"] == "sand-ai/MAGI-1#4.5B_distill"
    assert loaded["revision"].startswith("tiny-random-")
    assert (loaded["quantization"], loaded["attention_backend"]) == ("nf4", "native")
    assert loaded["compute_dtype"] == COMPUTE_DTYPE
    assert loaded["compute_dtype_reason"] == "set by COMPUTE_DTYPE"
    assert dry["memory"]["load_bytes"] > 0


@pytest.mark.slow
def test_a_picture_with_the_base_model(models: Path, tmp_path: Path):
    fields = {name: str(value) for name, value in SMALL.items()} | {"num_frames": "48"}
    with serving("magi1", models, tmp_path, magi1_checkpoint="sand-ai/MAGI-1#4.5B_base") as service:
        answer = service.client.post(
            "/generate", data=fields, files={"image": ("cat.png", pictures.png(), "image/png")}
        )
        assert answer.status_code == 202, answer.text
        job = service.wait_for(answer.json()["id"], "completed", timeout=240)
    assert job["result"]["num_frames"] == 48
    assert job["result"]["checkpoint"] == "sand-ai/MAGI-1#4.5B_base"


@pytest.mark.slow
def test_a_long_video_is_cancelled_in_its_middle(models: Path, tmp_path: Path):
    with serving("magi1", models, tmp_path) as service:
        job_id = service.submit(**SMALL, duration=60)
        wait_until(lambda: chunks_done(service, job_id) >= 2, timeout=120, what="two chunks")
        worker = service.worker_pid()
        service.cancel(job_id)
        job = service.wait_for(job_id, "cancelled")
        wait_until(lambda: not service.videos(job_id) and not service.partials(), what="no files")
        service.finish(timeout=240, **SMALL, num_frames=24)
        assert service.worker_pid() == worker, "the model stayed in memory"
    assert job["progress"]["chunk"] < job["progress"]["chunks"] == 60


def chunks_done(service: LiveService, job_id: str) -> int:
    chunk: int = service.job(job_id)["progress"]["chunk"]
    return chunk


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"num_inference_steps": 10}, "num_inference_steps"),
        ({"duration": 61}, "duration"),
        ({"negative_prompt": "blurry"}, "negative_prompt"),
        ({"guidance_scale": 5}, "guidance_scale"),
        ({"options": {"style": "oil"}}, "options.style"),
        ({"resolution": "100x100"}, "resolution"),
    ],
)
def test_what_it_cannot_do_is_refused(refusing: LiveService, fields: dict[str, object], param: str):
    answer = refusing.client.post("/generate", json={**SMALL, **fields})
    assert answer.status_code == 422
    assert answer.json()["error"]["param"] == param


@pytest.fixture(scope="module")
def refusing(models: Path, tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("refusing")
    with serving("magi1", models, folder, magi1_max_duration_seconds=60) as service:
        yield service
