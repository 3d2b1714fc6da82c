"""Every example of docs/requests.md is taken by the service that it is sent to, as it is printed.

Asked for as a dry run: whether the real models make it their own tests say.
"""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from common.kinds.video.upscaler import x4plus_weights
from ltx2.model_config import SPEC as LTX2
from scripts.services import PORTS
from scripts.tiny import ltx2 as tiny
from tests.films import film
from tests.integration.test_docs_commands import blocks, commands_of
from tests.integration.test_loras import a_lora
from tests.live import ROOT, LiveService

PAGE = "docs/requests.md"
JOB = "0123456789abcdef0123456789abcdef"
USED = ("ltx2", "wan21", "waver")
CHECKPOINT = re.compile(r"^# WAN21_CHECKPOINT=(\S+)$", re.MULTILINE)
"""In a block whose commands ``wan21`` takes with another checkpoint than its own."""
SECONDS, FPS = 4, 24


def examples() -> list[tuple[str, str]]:
    """Each with the checkpoint of ``wan21`` that it is for; that is empty for its own."""
    return [
        (found[1] if (found := CHECKPOINT.search(block)) else "", command)
        for block in blocks(PAGE)
        for command in commands_of(block)
    ]


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, LiveService]]:
    """Almost without weights, with one outputs folder, in which another has finished a job."""
    folder = tmp_path_factory.mktemp("services")
    started = {name: LiveService(folder, f"{name}.app", name) for name in USED}
    finished_elsewhere(folder)
    for checkpoint in {named for named, _ in examples() if named}:
        elsewhere = folder / Path(checkpoint).name
        started[checkpoint] = LiveService(
            elsewhere, "wan21.app", "wan21", wan21_checkpoint=checkpoint
        )
        finished_elsewhere(elsewhere)
    loras = folder / "models" / "loras"
    loras.mkdir(parents=True)
    (loras / "kites.safetensors").write_bytes(a_lora())
    upscalers(folder / "models")
    for service in started.values():
        service.start()
    yield started
    for service in started.values():
        service.close()


def upscalers(models: Path) -> None:
    """Those that are fetched: one comes with LTX-2's checkpoint, one by itself."""
    tiny.build(models, repositories=[LTX2.variants[0].checkpoint])
    weights = x4plus_weights(models)
    weights.parent.mkdir()
    for suffix in (".param", ".bin"):
        weights.with_suffix(suffix).write_bytes(b"123")


def finished_elsewhere(folder: Path) -> None:
    """Another service, with its outputs beside those of one in ``folder``, has made a video."""
    finished = folder / "outputs" / "another" / f"{JOB}-{JOB}"
    finished.mkdir(parents=True)
    film(finished / "video.mp4", SECONDS * FPS, FPS, "832x480")
    result = {"size_bytes": 1, "width": 832, "height": 480, "num_frames": SECONDS * FPS}
    result |= {"fps": FPS, "duration_seconds": SECONDS, "has_audio": False, "folder": ""}
    manifest = {
        "kind": "video",
        "owner": "",
        "result": {**result, "checkpoint": "", "revision": ""},
    }
    (finished / "manifest.json").write_text(json.dumps(manifest))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the commands are typed."""
    made = tmp_path_factory.mktemp("here")
    for name in ("beach.mp4", "poses.mp4"):
        film(made / name, 2 * FPS, FPS, "320x192")
    for name in ("a.png", "b.png", "c.png", "cat.png"):
        Image.new("RGB", (192, 128), "red").save(made / name)
    return made


@pytest.mark.parametrize(("checkpoint", "command"), examples())
def test_an_example_is_taken(
    services: dict[str, LiveService], folder: Path, checkpoint: str, command: str
) -> None:
    asked = {name: services[name] for name in USED}
    if checkpoint:
        asked["wan21"] = services[checkpoint]
    ports = {PORTS[name]: service.url.rpartition(":")[2] for name, service in asked.items()}
    words = shlex.split(re.sub(r"localhost:(\d+)", lambda at: _address(at, ports), command))
    words = _by_curl(words) if words[0] == "curl" else _by_cli(words)
    known = {f"{name.upper()}_PORT": ports.get(PORTS[name], "9") for name in PORTS}
    environment = {**os.environ, **known, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        words, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout).get("resolved"), done.stdout


def _address(at: "re.Match[str]", ports: dict[int, str]) -> str:
    return f"127.0.0.1:{ports[int(at[1])]}"


def _by_curl(words: list[str]) -> list[str]:
    if "-d" not in words:
        return [*words, "--silent", "-F", "dry_run=true"]
    at = words.index("-d") + 1
    body = json.dumps({**json.loads(words[at]), "dry_run": True})
    return [*words[:at], body, *words[at + 1 :], "--silent"]


def _by_cli(words: list[str]) -> list[str]:
    program, *rest = words
    assert program == "videosdgx"
    if "-o" in rest:
        del rest[rest.index("-o") : rest.index("-o") + 2]
    return [sys.executable, "-m", "scripts.cli", *rest, "--dry-run", "--json"]
