"""Idle, slow and hostile strangers all at once: whoever behaves has an answer, and nothing breaks.

The bench of attacks with fewer strangers and patient bounds; its figures are measured apart.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from scripts.service_process import clean_environment

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], dict[str, Any]]:
    """What the bench measured, by group and name."""
    folder: Path = tmp_path_factory.mktemp("hostile")
    command = [sys.executable, "-m", "scripts.benchmark", "hostile", "--share", "0.2"]
    chosen = ["--seconds", "15", "--rest", "30", "--folder", str(folder), "--json"]
    ended = subprocess.run(
        [*command, *chosen, str(folder / "figures.json")],
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert (folder / "figures.json").exists(), ended.stderr[-4000:]
    found = json.loads((folder / "figures.json").read_text())["figures"]
    return {(one["group"], one["name"]): one for one in found}


def test_whoever_behaves_is_served(figures: dict[tuple[str, str], dict[str, Any]]):
    """Bounds of all kinds, together: strangers cost guests no answer."""
    assert figures["attack", "turned away or unanswered"]["value"] == 0, figures
    assert figures["rest", "turned away or unanswered"]["value"] == 0, figures
    assert figures["attack", "/health, p99"]["value"] < 5000  # it was never, on two busy cores


def test_no_stranger_meets_a_fault(figures: dict[tuple[str, str], dict[str, Any]]):
    """Inputs that break the code: hostile requests are refused in words, and no log is flooded."""
    statuses = [name for group, name in figures if group == "hostile requests"]
    assert "500" not in statuses
    assert {"413", "415", "422"} <= set(statuses), statuses
    assert figures["log", "lines"]["note"] == "0 tracebacks"
    assert figures["log", "size"]["value"] < 1


def test_memory_stays_small_and_comes_back(figures: dict[tuple[str, str], dict[str, Any]]):
    """Bytes that strangers make a process hold: bounded while they come, and gone after them."""
    assert figures["API", "most memory, RSS"]["value"] < 400
    assert figures["API", "memory after the rest, PSS"]["value"] < 120
    assert figures["readers", "most memory, RSS of all"]["value"] < 3000
