"""What make takes from ``.env``: the names of a stack, which compose reads there too."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.live import ROOT

SHOW = "shown: ; @echo $$STACK $$TAG $$BUILD_NETWORK"
"""A target that says what commands of make, compose among them, find in their environment."""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A clone, as far as make looks at it there."""
    (tmp_path / "scripts").mkdir()
    for name in ("Makefile", "scripts/lib.sh"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def made(place: Path, *words: str, **environment: str) -> str:
    """What make says there; nothing of ours is in its environment but what is named."""
    outside = {"PATH": os.environ["PATH"], **environment}
    command = ["make", "--no-print-directory", f"--eval={SHOW}", *words]
    done = subprocess.run(
        command, cwd=place, env=outside, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_names_that_nobody_says_are_the_defaults(place: Path):
    assert made(place, "shown") == "videosdgx latest default"


def test_names_come_from_env_as_compose_has_them(place: Path):
    (place / ".env").write_text(
        "STACK=first\nSTACK=second # mine\nTAG='7'\r\nBUILD_NETWORK=\"host\""
    )
    assert made(place, "shown") == "second 7 host"
    assert "--network host " in (base := made(place, "--dry-run", "base"))
    assert "--tag localhost/second/base:7 ." in base


def test_what_is_said_to_make_or_stands_in_the_environment_beats_env(place: Path):
    (place / ".env").write_text("STACK=second\nTAG=7\n")
    assert made(place, "shown", STACK="third") == "third 7 default"
    assert made(place, "shown", "TAG=8", STACK="third") == "third 8 default"
    assert made(place, "shown", STACK="") == "second 7 default"
