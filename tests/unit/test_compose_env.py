"""What is written for compose before anything runs."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A clone, as far as the script looks at it, and a place for programs."""
    shutil.copy(ROOT / ".env.example", tmp_path)
    (tmp_path / "bin").mkdir()
    return tmp_path


def written(place: Path) -> dict[str, str]:
    """The lines of .env that count, after a run."""
    path = f"{place / 'bin'}:/usr/bin:/bin"
    script = ROOT / "scripts/compose_env.sh"
    subprocess.run([script, place], env={"PATH": path}, check=True, capture_output=True)
    lines = (place / ".env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def program(place: Path, name: str, text: str) -> None:
    (place / "bin" / name).write_text(f"#!/bin/sh\n{text}\n")
    (place / "bin" / name).chmod(0o755)


@pytest.mark.parametrize(
    ("nvidia_smi", "files"),
    [
        ("echo 'GPU 0: NVIDIA GB10'", "docker-compose.yml:docker-compose.gpu.yml"),
        ("echo 'no devices were found'; exit 9", "docker-compose.yml"),
    ],
)
def test_the_gpu_is_joined_where_there_is_one(place: Path, nvidia_smi: str, files: str):
    program(place, "nvidia-smi", nvidia_smi)
    assert written(place)["COMPOSE_FILE"] == files


@pytest.mark.parametrize(("there", "limit"), [(20, "18"), (2, "2"), (1, "1")])
def test_two_processors_stay_for_the_machine(place: Path, there: int, limit: str):
    program(place, "nproc", f"echo {there}")
    assert written(place)["CPU_LIMIT"] == limit


def test_processors_are_counted_where_there_is_no_nproc(place: Path):
    """As on macOS."""
    program(place, "nproc", "exit 127")
    program(place, "getconf", '[ "$1" = _NPROCESSORS_ONLN ] && echo 12')
    assert written(place)["CPU_LIMIT"] == "10"


def test_what_is_there_stays(place: Path):
    (place / ".env").write_text("MAX_QUEUE=7\nCOMPOSE_FILE=mine.yml")  # no newline at the end
    (place / "secrets").mkdir()
    (place / "secrets" / "hf_token").write_text("mine")
    assert written(place) | {"CPU_LIMIT": ""} == {
        "MAX_QUEUE": "7",
        "COMPOSE_FILE": "mine.yml",
        "CPU_LIMIT": "",
    }
    assert (place / "secrets" / "hf_token").read_text() == "mine"
    assert written(place) == written(place)


def test_secrets_are_in_a_folder_that_only_we_can_enter(place: Path):
    written(place)
    folder = place / "secrets"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert all(os.access(path, os.R_OK) for path in folder.iterdir())
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o644}
    password = (folder / "grafana_password").read_text()
    assert len(password) == 32
    written(place)
    assert (folder / "grafana_password").read_text() == password


def test_what_is_made_of_env_is_ours_alone(place: Path):
    """There may be passwords in it. One that was there is its owner's to close."""
    written(place)
    assert (place / ".env").stat().st_mode & 0o777 == 0o600
    (place / ".env").chmod(0o644)
    written(place)
    assert (place / ".env").stat().st_mode & 0o777 == 0o644
