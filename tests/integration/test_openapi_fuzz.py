"""The API against its own description: random requests, legal and illegal, and chains of them."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.fleet import Fleet
from tests.live import ROOT

pytest.importorskip("schemathesis")

CONFIGURATION = Path(__file__).with_name("fuzz.toml")
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "2"))
"""For each operation; more find more, and take longer."""


def test_the_api_is_what_it_says(fleet: Fleet, tmp_path: Path):
    service = fleet.start(max_queue=1_000_000, sync_seconds=0.2, memory_pool_gb=4)
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIGURATION)),
        *("run", f"{service.url}/openapi.json"),
        *("--checks", "all", "--exclude-checks", "positive_data_acceptance"),
        *("--max-examples", str(EXAMPLES), "--seed", "7", "--no-color"),
    ]
    hooks = {"SCHEMATHESIS_HOOKS": "tests.integration.fuzz_hooks", "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(
        command,
        cwd=tmp_path,
        env=os.environ | hooks,
        capture_output=True,
        text=True,
        check=False,
    )
    counted = re.search(r"(\d+) generated", ended.stdout)
    assert ended.returncode == 0, ended.stdout[-12_000:] + ended.stderr
    assert counted is not None
    print(f"\n{counted[1]} cases")
    assert int(counted[1]) > 200
    assert service.get("/health")
