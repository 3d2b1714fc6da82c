"""``/metrics`` for people and for Prometheus, and the health table over real services."""

import json
import os
import subprocess
import sys

from prometheus_client.parser import text_string_to_metric_families

from common.spec import load_spec
from scripts.health_check import PORTS
from scripts.services import MODELS, spec_address
from tests.live import ROOT, LiveService

PROMETHEUS = (
    "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1"
)


def test_prometheus_gets_its_own_format(service: LiveService):
    service.finish()
    text = service.client.get("/metrics", headers={"Accept": "text/plain"}).text
    families = {family.name: family for family in text_string_to_metric_families(text)}
    ended = {s.labels["state"]: s.value for s in families["videosdgx_jobs_ended"].samples}
    assert ended["completed"] >= 1
    (total,) = families["videosdgx_pool_total_bytes"].samples
    assert total.value == service.get("/info")["pool"]["total_bytes"]
    (loaded,) = families["videosdgx_model_loaded"].samples
    assert (loaded.labels, loaded.value) == ({"model": "toy"}, 1)


def test_the_header_that_prometheus_really_sends(service: LiveService):
    answer = service.client.get("/metrics", headers={"Accept": PROMETHEUS})
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")


def test_everybody_else_gets_json(service: LiveService):
    assert service.get("/metrics")["total_inferences"] >= 0


def health(*arguments: str, **ports: int) -> "subprocess.CompletedProcess[str]":
    """``health_check.py`` as a person runs it, on a machine where only these ports answer."""
    nowhere = {f"{name.upper()}_PORT": "9" for name in PORTS}
    ours = {f"{name.upper()}_PORT": str(port) for name, port in ports.items()}
    command = [sys.executable, str(ROOT / "scripts" / "health_check.py"), *arguments]
    environment = {"PATH": os.environ["PATH"], **nowhere, **ours}
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def test_health_of_a_machine_with_nothing():
    found = health()
    assert found.returncode == 2
    assert found.stdout.count("Nothing answers. Start it with") == len(PORTS)
    assert found.stderr == ""


def test_health_where_one_of_them_is_down(service: LiveService):
    found = health(ltx2=int(str(service.settings["PORT"])))
    assert found.returncode == 1
    lines = found.stdout.splitlines()
    assert lines[1].split()[:2] == ["ltx2", "ok"]
    assert lines[2].split()[:2] == ["wan21", "down"]
    assert any(line.startswith("pool ") for line in lines)


def test_health_for_programs(service: LiveService):
    found = health("--json", ltx2=int(str(service.settings["PORT"])))
    answer = json.loads(found.stdout)
    assert answer["status"] == found.returncode == 1
    assert answer["services"][0]["info"]["pool"]["total_bytes"] > 0


def test_the_table_asks_where_the_services_are():
    assert {name: load_spec(spec_address(name)).port for name in MODELS} == PORTS
