"""Every command of README and QUICKSTART is run here, or named with the reason why not.

Requests go to a toy service in place of the real ones; what they answer is checked.
"""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from scripts.services import PORTS
from tests.live import ROOT, LiveService

DOCS = ("README.md", "docs/QUICKSTART.md")

NOT_RUN = {
    "make demo": "CI runs it through tests of scripts.demo; minutes",
    "make test": "this is it",
    "make setup": "CI runs it before the tests",
    "make base build": "needs Docker: make test-containers",
    "make up": "needs Docker: make test-containers",
    "make down": "needs Docker: make test-containers",
    "make restart": "needs Docker: make test-containers",
    "make logs": "needs Docker: make test-containers",
    "make backup": "needs Docker: make test-containers",
    "scripts/download_models.sh --docker": "needs Docker and the hub: test_download_models",
    "scripts/download_models.sh --docker wan21": "the same",
}
"""Commands that need a Spark, Docker or the hub, or that have run when this test begins."""

RUN = {"make health", "scripts/validate_setup.sh"}


def commands(name: str) -> list[str]:
    """The lines of all bash blocks, continued lines joined, comments left out."""
    return [one for block in blocks(name) for one in commands_of(block)]


def blocks(name: str) -> list[str]:
    """All bash blocks, as they are written."""
    return re.findall(r"```bash\n(.*?)```", (ROOT / name).read_text(), re.DOTALL)


def commands_of(block: str) -> list[str]:
    """Those of one block."""
    lines = block.replace("\\\n", " ").splitlines()
    return [plain for line in lines if (plain := re.sub(r"(^|\s+)#.*$", "", line).strip())]


@pytest.mark.parametrize("name", DOCS)
def test_every_command_is_run_or_named(name: str):
    known = {*NOT_RUN, *RUN}
    assert [one for one in commands(name) if one not in known and not one.startswith("curl ")] == []


def test_nothing_is_named_that_no_document_has():
    written = {one for name in DOCS for one in commands(name)}
    assert {*NOT_RUN, *RUN} - written == set()


def test_every_make_target_is_there():
    written = {one for name in DOCS for one in commands(name) if one.startswith("make ")}
    targets = {target for one in written for target in one.split()[1:]}
    made = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert targets <= made


@pytest.mark.parametrize("name", DOCS)
def test_requests_work_as_printed(service: LiveService, tmp_path: Path, name: str):
    Image.new("RGB", (64, 48), "red").save(tmp_path / "cat.png")
    job = service.finish()["id"]
    for command in commands(name):
        if command.startswith("curl ") and "video=@" not in command:
            job = _check(curl(service, tmp_path, command.replace("<id>", job)), command, job)
    assert list(tmp_path.glob("*.mp4"))


def _check(answer: str, command: str, job: str) -> str:
    """The job that the next requests are about."""
    if "/download" in command:
        assert answer == ""
        return job
    found = json.loads(answer)
    if command.endswith("/cancel"):  # the job has ended by now, which the service says
        assert found.get("state") or found["error"]["code"] == "job_conflict"
        return job
    assert found.get("error") is None, found
    return str(found["id"]) if found.get("state") == "queued" else job


def curl(service: LiveService, folder: Path, command: str) -> str:
    """Run it as printed, but for the address; a job that it makes runs to its end."""
    words = shlex.split(re.sub(r"localhost:\d+", service.url.removeprefix("http://"), command))
    done = subprocess.run(
        [words[0], "--silent", "--show-error", *words[1:]],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout) if done.stdout.startswith("{") else {}
    if found.get("state") == "queued":
        service.wait_for(found["id"], "completed")
    return done.stdout


def test_a_video_is_what_only_magi1_continues():
    """The toy takes no video: tests/integration/test_continuation.py sends one to MAGI-1."""
    sent = [one for name in DOCS for one in commands(name) if "video=@" in one]
    assert len(sent) == len(DOCS)
    assert all(f"localhost:{PORTS['magi1']}/generate" in one for one in sent)


def test_make_health():
    environment = os.environ | {f"{name.upper()}_PORT": "9" for name in PORTS}
    command = ["make", "health", f"PYTHON={sys.executable}"]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert "Nothing answers." in done.stdout
    assert "Traceback" not in done.stderr


def test_validate_setup():
    command = [str(ROOT / "scripts" / "validate_setup.sh")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1)
    assert done.stderr == ""
