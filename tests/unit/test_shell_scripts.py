"""shellcheck over every shell script, and the rules that it does not know."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.live import ROOT

SCRIPTS = sorted((ROOT / "scripts").glob("*.sh"))
BESIDE = Path(sys.executable).with_name("shellcheck")
SHELLCHECK = str(BESIDE) if BESIDE.is_file() else shutil.which("shellcheck")


@pytest.mark.skipif(SHELLCHECK is None, reason="needs shellcheck (make setup brings it)")
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_shellcheck_is_content(script: Path):
    command = [str(SHELLCHECK), "--external-sources", str(script.relative_to(ROOT))]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_are_short(script: Path):
    assert len(script.read_text().splitlines()) <= 260


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_what_is_run_can_be_run(script: Path):
    has_interpreter = script.read_text().startswith("#!")
    assert bool(script.stat().st_mode & 0o100) == has_interpreter
