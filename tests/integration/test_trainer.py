"""The trainer as its users meet it: an archive goes in, and a LoRA comes out."""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from safetensors import safe_open

from scripts.shapes.scenes import Colour
from scripts.shapes.weights import REPOSITORIES, install
from tests.films import film
from tests.integration.answers import events_of
from tests.integration.test_models import serving
from tests.live import ROOT, LiveService, wait_until
from tests.sets import of_colour, with_captions, zipped
from tests.unit.media.disks import FILLER, fill
from tests.unit.media.ffprobe import probe, stream

FEW: dict[str, Any] = {
    "name": "orange",
    "rank": 2,
    "steps": 3,
    "num_inference_steps": 2,
    "guidance_scale": 1,
    "seed": 1,
}
LONG = FEW | {"steps": 2000}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With the small weights that tests of meaning make videos with."""
    folder = tmp_path_factory.mktemp("models")
    install("waver", folder)
    return folder


@pytest.fixture(scope="module")
def trainer(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveService]:
    folder = tmp_path_factory.mktemp("trainer")
    with serving("trainer", models, folder, checkpoint=REPOSITORIES["waver"]) as service:
        yield service


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return with_captions(of_colour(Colour.ORANGE, 3), tmp_path_factory.mktemp("clips"))


def post(service: LiveService, clips: bytes | None, fields: dict[str, Any]) -> httpx.Response:
    files = None if clips is None else {"clips": ("set.zip", clips)}
    return service.client.post("/train", data=fields, files=files)


def accepted(service: LiveService, clips: bytes, fields: dict[str, Any]) -> str:
    answer = post(service, clips, fields)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def test_clips_become_a_lora_and_a_video_that_shows_it(
    trainer: LiveService, clips: bytes, tmp_path: Path
) -> None:
    job = trainer.wait_for(accepted(trainer, clips, FEW), "completed", timeout=240)
    assert (job["resolved"]["num_clips"], job["resolved"]["num_frames"]) == (3, 9)
    assert job["resolved"]["validation_prompt"] == "an orange circle stands still"
    result = job["result"]
    assert (result["name"], result["rank"], result["steps"]) == ("orange", 2, 3)

    lora = tmp_path / "lora.safetensors"
    answer = trainer.client.get(job["links"]["download"])
    assert "orange" in answer.headers["content-disposition"]
    lora.write_bytes(answer.content)
    assert len(answer.content) == result["size_bytes"]
    with safe_open(lora, framework="np") as file:
        told, keys = file.metadata(), set(file.keys())
    assert json.loads(told["videosdgx"])["job_id"] == job["id"]
    assert told["ss_network_dim"] == "2"
    assert "diffusion_model.blocks.0.self_attn.q.lora_A.weight" in keys
    assert "diffusion_model.blocks.4.ffn.2.lora_B.weight" in keys

    losses = trainer.client.get(job["links"]["losses"]).text.splitlines()
    assert [row["step"] for row in csv.DictReader(losses)] == ["1", "2", "3"]
    shown = tmp_path / "validation.mp4"
    shown.write_bytes(trainer.client.get(job["links"]["validation"]).content)
    video = stream(probe(shown), "video")
    assert (video["width"], video["height"], video["nb_read_frames"]) == (128, 128, "9")


@pytest.mark.slow
def test_from_a_terminal(trainer: LiveService, clips: bytes, tmp_path: Path) -> None:
    (tmp_path / "set.zip").write_bytes(clips)
    words = ["set.zip", "--name", "kite", "--rank", "1", "--steps", "2", "--output", "kite.st"]
    fields = ["--field", "num_inference_steps=1", "--field", "guidance_scale=1"]
    done = subprocess.run(
        [sys.executable, "-m", "scripts.cli", "train", *words, *fields],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "VIDEOSDGX_URL": trainer.url},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    with safe_open(tmp_path / "kite.st", framework="np") as file:
        assert file.metadata()["ss_output_name"] == "kite"


def test_pictures_are_learnt_from_too_and_the_same_seed_is_the_same_lora(
    trainer: LiveService, tmp_path: Path
) -> None:
    pictures = with_captions(of_colour(Colour.ORANGE, 2), tmp_path, num_frames=1)
    ids = [accepted(trainer, pictures, FEW) for _ in range(2)]
    jobs = [trainer.wait_for(one, "completed", timeout=240) for one in ids]
    assert jobs[0]["resolved"]["num_frames"] == 1
    first, second = (trainer.client.get(job["links"]["losses"]).text for job in jobs)
    assert first == second


def test_a_cancel_in_the_midst_leaves_nothing(trainer: LiveService, clips: bytes) -> None:
    job_id = accepted(trainer, clips, LONG)
    trainer.wait_for(job_id, "denoising", timeout=240)
    wait_until(lambda: trainer.job(job_id)["progress"]["loss"], what="it has learnt something")
    assert trainer.cancel(job_id).is_success
    job = wait_until(lambda: _ended(trainer, job_id), 120, "it is over")
    assert job["state"] == "cancelled"
    assert trainer.videos(job_id) == []
    assert trainer.partials() == []


@pytest.mark.slow
def test_a_kill_in_the_midst_costs_nothing_but_time(trainer: LiveService, clips: bytes) -> None:
    job_id = accepted(trainer, clips, FEW | {"steps": 30})
    trainer.wait_for(job_id, "denoising", timeout=240)
    trainer.kill_worker()
    job = trainer.wait_for(job_id, "completed", timeout=240)
    assert job["attempts"] == 2
    [folder] = trainer.videos(job_id)
    names = {"lora.safetensors", "losses.csv", "manifest.json", "validation.mp4"}
    assert {path.name for path in folder.iterdir()} == names


@pytest.mark.slow
def test_a_disk_that_fills_up_in_the_midst_holds_the_training_until_there_is_room(
    models: Path, clips: bytes, small_disk: Path, tmp_path: Path
) -> None:
    outputs = {"checkpoint": REPOSITORIES["waver"], "outputs_dir": small_disk}
    with serving("trainer", models, tmp_path, **outputs) as service:
        job_id = accepted(service, clips, FEW | {"steps": 8})
        service.wait_for(job_id, "denoising", timeout=240)
        fill(small_disk)
        wait_until(lambda: "outputs volume is full" in service.log(), 240, "it met the full disk")
        assert list(small_disk.rglob("*.safetensors")) == []
        (small_disk / FILLER).unlink()
        service.wait_for(job_id, "completed", timeout=240)
        assert len(list(small_disk.rglob("lora.safetensors"))) == 1


@pytest.mark.slow
def test_videos_of_prior_prompts_are_a_part_of_the_progress(
    trainer: LiveService, clips: bytes
) -> None:
    """Each step of them shows life: with a large model they take hours."""
    priors = "a red circle moves up\na blue star stands still"
    job_id = accepted(trainer, clips, FEW | {"prior_prompts": priors})
    events = events_of(trainer, f"/jobs/{job_id}/events")
    told = [json.loads(event["data"]) for event in events if "encoding_prompt" in event["data"]]
    assert 3 + 2 in {news["progress"]["steps"] for news in told}, "clips and prior prompts"
    assert trainer.wait_for(job_id, "completed")["result"]["steps"] == 3


def test_what_it_would_cost_is_told_before(trainer: LiveService, clips: bytes) -> None:
    dry = post(trainer, clips, FEW | {"dry_run": "true"}).json()
    assert dry["resolved"]["rank"] == 2
    assert dry["memory"]["run_bytes"] > 0


@pytest.mark.parametrize(
    ("fields", "param", "words"),
    [
        ({"name": "Ä"}, "name", "name"),
        ({"rank": 129}, "rank", "rank 129 is out of range: 1 to 128."),
        ({"steps": 20_001}, "steps", "steps 20001 is out of range: 1 to 20000."),
        ({"learning_rate": 0}, "learning_rate", "learning_rate"),
        ({"epochs": 3}, "epochs", "epochs"),
    ],
)
def test_a_wrong_field_is_named(
    trainer: LiveService, clips: bytes, fields: dict[str, Any], param: str, words: str
) -> None:
    answer = post(trainer, clips, FEW | fields)
    assert answer.status_code == 422
    error = answer.json()["error"]
    assert error["param"] == param
    assert words in error["message"]


def test_without_clips_nothing_is_learnt(trainer: LiveService) -> None:
    answer = trainer.client.post("/train", json=FEW)
    assert (answer.status_code, answer.json()["error"]["param"]) == (422, "clips")


def test_bad_archives_are_refused_by_name(trainer: LiveService, tmp_path: Path) -> None:
    kept, text = trainer.inputs(), ("a.txt", b"a kite")
    odd = _film(tmp_path / "odd.mp4", "100x128")
    wide = _film(tmp_path / "wide.mp4", "160x128")
    plain = _film(tmp_path / "plain.mp4", "128x128")
    for archive, words in (
        (b"no archive", "no ZIP archive"),
        (zipped([("a.mp4", plain)]), "a.mp4 has no caption"),
        (zipped([("../a.mp4", plain), text]), "../a.mp4 would lie outside"),
        (zipped([("a.mp4", b"no video"), text]), "a.mp4: "),
        (zipped([("a.png", b"no picture"), text]), "a.png: "),
        (zipped([("a.mp4", odd), text]), "clips are 100x128: sides must be multiples of 32"),
        (
            zipped([("a.mp4", plain), text, ("b.mp4", wide), ("b.txt", b"a kite")]),
            "several sizes: a.mp4 is 128x128, b.mp4 160x128",
        ),
    ):
        answer = post(trainer, archive, FEW)
        assert answer.status_code == 422, answer.text
        error = answer.json()["error"]
        assert error["param"] == "clips"
        assert words in error["message"]
    assert trainer.inputs() == kept


def _film(path: Path, size: str) -> bytes:
    return film(path, 9, 24, size).read_bytes()


def _ended(service: LiveService, job_id: str) -> dict[str, Any] | None:
    job = service.job(job_id)
    return job if job["finished_at"] else None
