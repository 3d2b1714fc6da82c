"""``health_check.py`` over real services, over broken ones, and over what is no service at all."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from scripts.health_check import as_table, check_all
from scripts.services import PORTS
from tests.integration.fleet import Fleet
from tests.live import ROOT, LiveService, wait_until

NOWHERE = "http://127.0.0.1:9"
COMMAND = [sys.executable, str(ROOT / "scripts" / "health_check.py")]


def health(*arguments: str, **urls: str) -> "subprocess.CompletedProcess[str]":
    """As a person runs it; without URLs, on a machine where no service's port answers."""
    services = [f"--service={name}={url}" for name, url in urls.items()]
    environment = {f"{name.upper()}_PORT": "9" for name in PORTS} | {"PATH": os.environ["PATH"]}
    command = [*COMMAND, *arguments, *services]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


@contextmanager
def answering(answers: Mapping[str, Any]) -> Iterator[str]:
    """A program that answers these paths, bytes as they are and all else as JSON."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = answers.get(self.path)
            self.send_response(404 if found is None else 200)
            self.end_headers()
            self.wfile.write(found if isinstance(found, bytes) else json.dumps(found).encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def real_answers(service: LiveService) -> dict[str, Any]:
    paths = ("/health", "/", "/ready", "/info", "/queue/status")
    return {path: service.get(path) for path in paths}


def test_a_machine_with_nothing():
    found = health()
    assert found.returncode == 2
    assert found.stdout.count("Nothing answers. Start it with") == len(PORTS)
    assert found.stderr == ""


def test_all_is_well(service: LiveService):
    found = health(toy=service.url)
    assert (found.returncode, found.stderr) == (0, "")
    header, row, *rest = found.stdout.splitlines()
    assert header.split()[:2] == ["service", "state"]
    assert row.split()[:2] == ["toy", "ok"]
    assert any(line.startswith("pool ") for line in rest)
    assert any(line.startswith("disk ") for line in rest)


def test_one_of_them_is_down(service: LiveService):
    found = health(toy=service.url, wan21=NOWHERE)
    assert found.returncode == 1
    lines = found.stdout.splitlines()
    assert lines[1].split()[:2] == ["toy", "ok"]
    assert lines[2].split()[:2] == ["wan21", "down"]
    assert "docker compose up -d wan21" in found.stdout


def test_for_programs(service: LiveService):
    found = health("--json", toy=service.url, wan21=NOWHERE)
    answer = json.loads(found.stdout)
    assert answer["status"] == found.returncode == 1
    assert [one["state"] for one in answer["services"]] == ["ok", "down"]
    assert answer["services"][0]["info"]["pool"]["total_bytes"] > 0


def test_a_disk_below_its_reserve(fleet: Fleet):
    service = fleet.start(min_free_disk_gb=10**6)
    found = health(toy=service.url)
    assert found.returncode == 1
    assert found.stdout.splitlines()[1].split()[:2] == ["toy", "warn"]
    assert "are kept free" in found.stdout


def test_a_disk_that_fills_up(service: LiveService):
    answers = real_answers(service)
    answers["/info"]["system"]["disk_free_bytes"] = 5 * 2**30
    with answering(answers) as url:
        found = health(toy=url)
    assert found.returncode == 1
    assert "The disk has 5.0 GB left. Delete old jobs" in found.stdout


def test_a_gpu_that_is_stuck_in_low_power(service: LiveService):
    answers = real_answers(service)
    answers["/info"]["system"]["gpus"] = ["NVIDIA GB10"]
    stuck = {"tflops": 27.0, "clock_mhz": 640.0, "max_clock_mhz": 3003.0, "power_watts": 16.5}
    answers["/info"]["loaded"]["gpu"] = stuck
    with answering(answers) as url:
        found = health(toy=url)
    assert found.returncode == 1
    assert "stuck in a low-power state: 640 of 3003 MHz" in found.stdout


def test_memory_below_the_floor_and_a_full_queue(service: LiveService):
    answers = real_answers(service)
    answers["/info"]["pool"]["available_bytes"] = answers["/info"]["pool"]["floor_bytes"] - 1
    answers["/queue/status"]["queued"] = answers["/queue/status"]["max_queue"]
    with answering(answers) as url:
        found = health(toy=url)
    assert found.returncode == 1
    assert "of memory available" in found.stdout
    assert "The queue is full" in found.stdout


def test_a_checkpoint_that_is_not_there(fleet: Fleet):
    service = fleet.start()
    for folder in service.models.iterdir():
        folder.rename(folder.with_name("elsewhere"))
    found = health(toy=service.url)
    assert found.returncode == 1
    assert "Run `scripts/download_models.sh toy`" in found.stdout


@pytest.mark.slow
def test_a_worker_that_does_not_answer(fleet: Fleet):
    service = fleet.start(heartbeat_timeout_seconds=60)
    service.finish()
    worker = service.worker_pid()
    assert worker is not None
    os.kill(worker, signal.SIGSTOP)
    wait_until(lambda: health(toy=service.url).returncode == 1, what="its lease is stale")
    assert "Its worker does not answer" in health(toy=service.url).stdout
    os.kill(worker, signal.SIGCONT)


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ({"/health": b"<html>Welcome to nginx!</html>"}, "no service of ours"),
        ({"/health": {"ok": True}, "/": {"name": "Jupyter"}}, "Another program answers there"),
        ({"/health": {}, "/": {"name": "VideosDGX", "model": "toy"}}, "It is toy that answers"),
        ({"/health": [1]}, "no service of ours"),
        ({}, "It answers 404"),
    ],
)
def test_something_else_has_the_port(answers: dict[str, Any], words: str):
    with answering(answers) as url:
        found = health(wan21=url)
    assert (found.returncode, found.stderr) == (2, "")
    assert words in found.stdout


@pytest.mark.parametrize("info", [{}, {"pool": {}}, [1], {"pool": 1, "system": 2}])
def test_a_service_of_another_version(service: LiveService, info: Any):
    with answering(real_answers(service) | {"/info": info}) as url:
        found = health(toy=url)
    assert (found.returncode, found.stderr) == (1, "")
    assert "/info: " in found.stdout


def test_it_watches_until_it_is_told_to_stop(service: LiveService):
    command = [*COMMAND, "--watch", "0.05", f"--service=toy={service.url}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        seen = 0
        while seen < 3:
            seen += child.stdout.readline().startswith("toy")
        child.send_signal(signal.SIGINT)
        child.stdout.read()
    assert child.returncode == 0


def test_states_are_in_colour_where_a_person_looks(service: LiveService):
    found = check_all({"toy": service.url, "wan21": NOWHERE})
    plain, coloured = as_table(found), as_table(found, colour=True)
    assert "\033[32mok" in coloured
    assert "\033[31mdown" in coloured
    assert re.sub(r"\033\[\d+m", "", coloured).split() == plain.split()


def test_a_service_that_cannot_be_understood():
    found = health("--service=ltx2")
    assert found.returncode == 2
    assert "ltx2=http://" in found.stderr
