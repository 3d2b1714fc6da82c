"""The stack as its owner meets it: real images, real containers, a job through each service."""

import re
import shutil
import subprocess
import tarfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from scripts.services import MODELS
from scripts.shapes.scenes import Colour
from tests.containers.stack import JOB_SECONDS, ROOT, STACK, Stack
from tests.live import ENDED, wait_until
from tests.sets import of_colour, with_captions
from tests.unit.media.ffprobe import probe, stream

SHORT: dict[str, dict[str, Any]] = {
    "ltx2": {"duration": 1, "resolution": "256x256", "fps": 24, "num_inference_steps": 4},
    "wan21": {"num_frames": 5, "resolution": "640x352", "num_inference_steps": 4},
    "waver": {"num_frames": 5, "resolution": "256x256", "num_inference_steps": 4},
    "magi1": {"num_frames": 24, "resolution": "256x256", "num_inference_steps": 8},
    "hunyuan": {"num_frames": 5, "resolution": "256x256", "num_inference_steps": 4},
}
LONG = {"prompt": "x", "num_frames": 17, "resolution": "640x352", "num_inference_steps": 40}
"""For wan21: a minute or two on a CPU, longer than DRAIN_SECONDS."""
TRAINING = {"name": "kite", "rank": 2, "steps": 2, "num_inference_steps": 2, "guidance_scale": 1}
CLIPS = with_captions(of_colour(Colour.ORANGE, 2), Path(), num_frames=1)
SAID = "1\n00:00:00,000 --> 00:00:09,000\nA cat, 猫, 고양이, кот, γάτα, قطة, חתול, बिल्ली\n"
GIB = 2**30
WIDE: dict[str, Any] = {"prompt": "A cat on a beach", "seed": 1, "no_cache": True}
WIDE |= SHORT["ltx2"] | {"resolution": "768x768"}
"""For ltx2: it needs more beside an idle wan21 than a job of wan21 needs alone."""
SHORT_BYTES = 0.1 * GIB
"""So much is missing for two models at once. Each alone has room to spare: what a job needs is
corrected upwards by what earlier ones took."""


def short(model: str) -> dict[str, Any]:
    return {"prompt": "A cat on a beach", "seed": 1, "no_cache": True} | SHORT.get(model, {})


def finished(stack: Stack, model: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    trains = model == "trainer"
    job_id = stack.train(CLIPS, TRAINING) if trains else stack.submit(model, body or short(model))
    return stack.wait_for(model, job_id, "completed")


def test_the_images_and_their_sizes(built: Stack):
    print()
    for name in ("base", *MODELS):
        image = built.inspect(f"localhost/{STACK}/{name}:latest")
        print(f"  {name:6} {image['Size'] / 1e9:.2f} GB, {len(image['RootFS']['Layers'])} layers")
        assert image["Config"]["User"] == "10001:10001"
        assert not re.search(r"token|secret|password", str(image["Config"]["Env"]), re.I)


def test_a_change_of_the_code_rebuilds_one_small_layer(built: Stack, tmp_path: Path):
    image = f"localhost/{STACK}/wan21:latest"
    before = built.inspect(image)["RootFS"]["Layers"]
    _copy_repository(tmp_path / "copy")
    with (tmp_path / "copy/wan21/pipeline.py").open("a") as code:
        code.write("# changed\n")
    started = time.monotonic()
    built.make("build", folder=tmp_path / "copy")
    seconds = time.monotonic() - started
    try:
        after = built.inspect(image)["RootFS"]["Layers"]
        sizes = built.docker_run("history", "--human=false", "--format={{.Size}}", image).split()
    finally:
        built.make("build")
    new = [layer for layer in after if layer not in before]
    newest = sum([int(size) for size in sizes if int(size)][: len(new)])
    print(f"\n  a changed file, `make build`: {seconds:.1f} s, {len(new)} layer, {newest} bytes")
    assert (len(new), newest < 10**6) == (1, True)


def _copy_repository(target: Path) -> None:
    for name in ("common", "scripts", *MODELS):
        shutil.copytree(ROOT / name, target / name)
    files = ("pyproject.toml", "constraints.txt", ".dockerignore", ".env.example")
    for name in (*files, "Makefile", "docker-compose.yml"):
        shutil.copy2(ROOT / name, target / name)


def test_a_container_can_do_little_and_is_nobody(stack: Stack):
    for model in MODELS:
        assert stack.inside(model, "id", "-u") == "10001"
        status = stack.inside(model, "cat", "/proc/1/status")
        assert re.search(r"CapBnd:\s0+\n", status)
        assert re.search(r"NoNewPrivs:\s1\n", status)
        assert "Read-only" in _error(stack, model, "touch", "/app/x")
        host = stack.inspect(stack.container(model))["HostConfig"]
        assert host["Memory"] == 0
        assert host["PidsLimit"] > 0
        assert {b["HostIp"] for bs in host["PortBindings"].values() for b in bs} == {"127.0.0.1"}


def _error(stack: Stack, model: str, *command: str) -> str:
    words = [stack.docker, "exec", stack.container(model), *command]
    return subprocess.run(words, capture_output=True, text=True, check=False).stderr


@pytest.mark.parametrize("model", SHORT)
def test_a_job_goes_through_from_the_host(stack: Stack, model: str, tmp_path: Path):
    job = finished(stack, model)
    film = tmp_path / "film.mp4"
    film.write_bytes(stack.ask("GET", model, job["links"]["download"]).content)
    video = stream(probe(film), "video")
    assert int(video["nb_read_frames"]) == job["resolved"]["num_frames"]
    assert (video["width"], video["height"]) == (job["result"]["width"], job["result"]["height"])
    for other in MODELS:  # one outputs volume
        assert stack.inside(other, "find", f"/outputs/{model}", "-path", f"*{job['id']}*.mp4")


def test_a_pipeline_goes_through_two_containers(stack: Stack):
    """From words to a captioned film; the image of the cutting room has letters of all scripts."""
    said = stack.upload("studio", "/upload", captions=("said.srt", SAID.encode()))
    captions = {"job": stack.wait_for("studio", said, "completed")["id"]}
    body = {"video": {"step": "clip"}, "captions": captions}
    steps = [
        {"name": "clip", "service": "wan21", "body": short("wan21")},
        {"name": "shown", "service": "studio", "path": "/video/caption", "body": body},
    ]
    path = stack.post("studio", "/pipelines", {"steps": steps})["links"]["self"]
    wait_until(lambda: stack.get("studio", path)["state"] in ENDED, JOB_SECONDS, "the pipeline")
    pipeline = stack.get("studio", path)
    assert pipeline["state"] == "completed", pipeline
    job = stack.job("studio", pipeline["steps"][1]["job_id"])
    assert (job["result"]["width"], job["result"]["height"]) == (640, 352)
    assert job["result"]["report"].get("letters_without_font", []) == []


def test_a_lora_is_trained_stored_and_used(stack: Stack):
    """What one service made, another takes: from the host, as people do it."""
    job = finished(stack, "trainer")
    assert job["resolved"]["num_clips"] == 2
    lora = stack.ask("GET", "trainer", job["links"]["download"]).content
    stored = stack.put("wan21", "/loras/kite", lora)
    assert (stored["name"], stored["rank"]) == ("kite", 2)
    body = short("wan21") | {"loras": [{"name": "kite", "strength": 0.5}]}
    made = stack.wait_for("wan21", stack.submit("wan21", body), "completed")
    assert made["resolved"]["loras"][0]["name"] == "kite"


def test_files_are_private(stack: Stack):
    """Of whatever umask an engine gives: nobody else of the host reads a job."""
    finished(stack, "wan21")
    kinds = (("f", "600"), ("d", "700"))
    for kind, mode in kinds:
        inside = ("/outputs/wan21", "/state/wan21", "-type", kind, "!", "-perm", mode)
        assert stack.inside("wan21", "find", *inside) == ""


def test_health_is_green(stack: Stack):
    """But for the cutting room's ears, of which nobody can make tiny ones."""
    answer = stack.make("health", check=False)
    print(f"\n{answer.stdout}")
    assert "studio: No checkpoint on disk. Run `scripts/download_models.sh studio`" in answer.stdout
    states = {model: "warn" if model == "studio" else "ok" for model in MODELS}
    assert all(re.search(rf"^{name} +{states[name]}", answer.stdout, re.M) for name in MODELS)


def test_a_worker_volunteers_to_be_ended_first(stack: Stack):
    finished(stack, "wan21")
    pid = stack.get("wan21", "/info")["loaded"]["worker_pid"]
    assert stack.inside("wan21", "cat", f"/proc/{pid}/oom_score_adj") == "800"


def test_all_files_belong_to_the_containers_user(stack: Stack):
    finished(stack, "wan21")
    folders = ("/models", "/outputs", "/state")
    assert stack.inside("wan21", "find", *folders, "!", "-user", "10001") == ""
    assert stack.inside("wan21", "find", *folders, "-type", "f")


@pytest.mark.parametrize("how", ["restart", "kill"])
def test_a_container_that_goes_in_mid_job_loses_nothing(stack: Stack, how: str):
    behind = stack.submit("wan21", LONG), stack.submit("wan21", short("wan21"))
    stack.wait_for("wan21", behind[0], "denoising")
    if how == "restart":
        stack.docker_run("restart", stack.container("wan21"))
    else:  # not `docker kill`, which counts as an order to stay down
        code = f"import os; os.kill({stack.inside('wan21', 'cat', '/state/wan21/api.lock')}, 9)"
        stack.inside("wan21", "python", "-c", code)
    jobs = [stack.wait_for("wan21", job, "completed") for job in behind]
    assert jobs[0]["attempts"] == (1 if how == "restart" else 2)
    for job in jobs:
        assert stack.inside("wan21", "find", "/outputs/wan21", "-path", f"*{job['id']}*.mp4")


def test_down_drains_and_up_has_the_jobs_again(stack: Stack):
    kept = finished(stack, "magi1")
    running = stack.submit("wan21", LONG | {"num_inference_steps": 4})
    waiting = stack.submit("wan21", short("wan21"))
    stack.wait_for("wan21", running, "denoising")
    started = time.monotonic()
    stack.make("down")
    print(f"\n  make down with a running job: {time.monotonic() - started:.0f} s")
    assert not stack.container("wan21")
    again = time.time()
    stack.up()
    drained = stack.job("wan21", running)
    assert (drained["state"], drained["attempts"]) == ("completed", 1)
    assert _timestamp(drained["finished_at"]) < again
    assert stack.wait_for("wan21", waiting, "completed")
    assert stack.job("magi1", kept["id"]) == kept


def _timestamp(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def test_a_paused_container_keeps_its_memory_and_is_named(stack: Stack):
    both = _needed_bytes(stack, "ltx2", WIDE) + _held_bytes(stack, "wan21")
    stack.configure(MEMORY_POOL_GB=round((both - SHORT_BYTES) / GIB, 3))
    stack.make("restart")
    for model in MODELS:
        stack.wait_healthy(model)
    finished(stack, "wan21")
    stack.docker_run("pause", stack.container("wan21"))
    try:
        job = stack.submit("ltx2", WIDE)
        reason = wait_until(lambda: _names(stack, job, "has not answered"), JOB_SECONDS, "a reason")
        print(f"\n  {reason}")
        assert "waiting for wan21, which has not answered for " in reason
        lease = _lease(stack, "wan21", asked="ltx2")
        assert (lease["answers"], lease["used_bytes"] > 10**8) == (False, True)
        assert stack.make("health", check=False).returncode != 0
    finally:
        stack.docker_run("unpause", stack.container("wan21"))
    stack.wait_for("ltx2", job, "completed")
    finished(stack, "wan21")


def _needed_bytes(stack: Stack, model: str, body: dict[str, Any]) -> int:
    finished(stack, model, body)  # what it takes is known from now on
    dry = stack.post(model, "/generate", body | {"dry_run": True})
    return int(dry["memory"]["total_bytes"])


def _held_bytes(stack: Stack, model: str) -> int:
    finished(stack, model)
    return int(_lease(stack, model, asked=model)["used_bytes"])


def _lease(stack: Stack, model: str, asked: str) -> dict[str, Any]:
    leases = stack.get(asked, "/info")["pool"]["leases"]
    return next(lease for lease in leases if lease["model"] == model)


def _names(stack: Stack, job: str, words: str) -> str | None:
    reason = stack.job("ltx2", job)["progress"]["waiting_for"]
    return reason if reason and words in reason else None


def test_a_backup_brings_everything_back(stack: Stack, tmp_path: Path):
    kept = finished(stack, "wan21")
    lora = "/models/loras/backed-up.safetensors"
    stack.inside("wan21", "sh", "-c", f"mkdir -p /models/loras && echo x > {lora}")
    stack.make("backup", f"BACKUPS={tmp_path}")
    stack.inside("wan21", "rm", lora)
    (file,) = tmp_path.glob("*.tar")
    with tarfile.open(file) as tar:
        names = tar.getnames()
    assert "state/wan21/jobs.db" in names
    assert not [name for name in names if name.startswith("state/memory/")]
    stack.make("down")
    stack.docker_run("volume", "rm", f"{STACK}_state", f"{STACK}_outputs")
    stack.make("restore", f"BACKUP={file}")
    stack.up()
    assert stack.inside("wan21", "cat", lora) == "x"
    stack.inside("wan21", "rm", lora)
    assert stack.job("wan21", kept["id"]) == kept
    assert stack.ask("GET", "wan21", kept["links"]["download"]).content


def test_what_a_damaged_database_says_to_type_works_in_a_container(stack: Stack):
    kept = finished(stack, "wan21")
    stack.make("down")
    run = ("run", "--rm", "--no-deps", "-T", "wan21")
    stack.compose(*run, "sh", "-c", "head -c 9000 /dev/urandom > /state/wan21/jobs.db")
    refused = stack.compose(*run, check=False)
    assert "run --rm wan21 python -m scripts.restore wan21" in refused.stdout + refused.stderr
    stack.compose(*run, "python", "-m", "scripts.restore", "wan21", "--empty")
    said = stack.compose(*run, "python", "-m", "scripts.recover", "wan21").stdout
    assert re.search(r"^wan21: [1-9]\d* taken back", said, re.M)
    stack.up()
    assert stack.job("wan21", kept["id"])["state"] == "completed"
