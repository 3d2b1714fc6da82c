"""``python -m scripts.benchmark stack`` against a service that runs, and against none."""

import json
import os
import subprocess
import sys
from pathlib import Path

from PIL import Image

from scripts.bench.chart import Bar, bar_pixels, draw
from tests.live import ROOT, LiveService

NOWHERE = "http://127.0.0.1:9"


def benchmark(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "scripts.benchmark", "stack", *arguments]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


def test_it_measures_a_service(service: LiveService, tmp_path: Path):
    numbers, picture = tmp_path / "stack.json", tmp_path / "stack.png"
    amounts = ("--jobs=2", "--submits=5", "--requests=10", "--steps=4", "--duration=2")
    files = (f"--json={numbers}", f"--png={picture}")
    done = benchmark(f"--url={service.url}", f"--url={NOWHERE}", *amounts, *files)
    assert done.returncode == 0, done.stderr
    figures = json.loads(numbers.read_text())["figures"]
    found = {(one["group"], one["name"]): one for one in figures}
    for name in ("GET /health, p50", "GET /health, p99", "POST /generate, p50", "seconds a job"):
        assert found["toy", name]["value"] > 0
    job = found["toy", "seconds a job"]
    assert "2 jobs" in job["note"]
    assert "4 steps" in job["note"]
    assert found["toy", "videos an hour"]["value"] > 0
    assert found[NOWHERE, "not measured"]["note"] == "no answer: see make health"
    with Image.open(picture) as image:
        assert (image.format, image.width) == ("PNG", 900)


def test_what_it_only_submitted_is_removed(service: LiveService):
    before = {job["id"] for job in service.jobs()}
    done = benchmark(f"--url={service.url}", "--jobs=1", "--submits=6", "--requests=1")
    assert done.returncode == 0, done.stderr
    (left,) = (job for job in service.jobs() if job["id"] not in before)
    assert left["state"] == "completed"


def test_a_refusal_is_told_in_the_services_words(service: LiveService):
    done = benchmark(f"--url={service.url}", "--requests=1", "--resolution=9000x9000")
    assert done.returncode == 0
    assert "not measured" in done.stdout
    assert "Traceback" not in done.stderr


def test_a_model_that_is_not_there():
    done = benchmark("wan22")
    assert done.returncode != 0
    assert "there are ltx2, wan21, magi1" in done.stderr


def test_bars_are_as_long_as_their_values(tmp_path: Path):
    assert bar_pixels(10, 10) == 2 * bar_pixels(5, 10)
    draw(tmp_path / "bars.png", "Bars", [Bar("long", 10), Bar("short", 1)])
    with Image.open(tmp_path / "bars.png") as image:
        counts = [sum(_is_bar(image, x, y) for x in range(image.width)) for y in (80, 136)]
    assert counts[0] > 9 * counts[1] > 0
    draw(tmp_path / "none.png", "Nothing", [])


def _is_bar(image: Image.Image, x: int, y: int) -> bool:
    return image.getpixel((x, y)) == (0x76, 0xB9, 0x00)
