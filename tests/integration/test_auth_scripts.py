"""The scripts that ask a service send the key of VIDEOSDGX_API_KEY."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.callers import Keys, everyone
from tests.live import ROOT, LiveService


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return everyone(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory, keys: Keys) -> Iterator[LiveService]:
    service = LiveService(tmp_path_factory.mktemp("guarded"), api_keys_file=keys.path)
    yield service.start()
    service.close()


def run(*command: str, key: str | None = None) -> "subprocess.CompletedProcess[str]":
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    if key is not None:
        environment["VIDEOSDGX_API_KEY"] = key
    return subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_health_check(guarded: LiveService, keys: Keys):
    command = ("scripts/health_check.py", f"--service=toy={guarded.url}")
    found = run(*command, key=keys.keys["ana"])
    assert (found.returncode, found.stderr) == (0, "")
    for wrong in (None, "wrong"):
        found = run(*command, key=wrong)
        assert found.returncode == 1
        assert "It wants a good API key: set VIDEOSDGX_API_KEY" in found.stdout


def test_the_command_line_asks_how_a_service_is(guarded: LiveService, keys: Keys):
    command = ("-m", "scripts.cli", "health", "--service", guarded.url)
    assert run(*command, "--api-key", keys.keys["ana"]).returncode == 0
    assert "It wants a good API key" in run(*command).stdout


def test_the_benchmark(guarded: LiveService, keys: Keys, tmp_path: Path):
    amounts = ("--jobs=1", "--submits=2", "--requests=2", "--steps=2")
    command = ("-m", "scripts.benchmark", "stack", f"--url={guarded.url}", *amounts)
    found = run(*command, key=keys.keys["ana"])
    assert found.returncode == 0, found.stderr
    assert "seconds a job" in found.stdout
    assert "This needs an API key." in run(*command).stdout
