"""``monitoring/``: the dashboard asks for what the services tell; Prometheus really scrapes one.

The tests with Prometheus run where Debian's package ``prometheus`` is installed.
"""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.live import ROOT, LiveService, _free_port, wait_until

MONITORING = ROOT / "monitoring"
PROVISIONING = MONITORING / "grafana" / "provisioning"
DASHBOARD = json.loads((MONITORING / "grafana" / "dashboards" / "videosdgx.json").read_text())
EXPRESSIONS = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
needs_prometheus = pytest.mark.skipif(
    not (shutil.which("prometheus") and shutil.which("promtool")),
    reason="needs Debian's package prometheus",
)


def told(service: LiveService) -> dict[str, set[str]]:
    """Every sample that a service tells, and its labels."""
    text = service.client.get("/metrics", headers={"Accept": "text/plain"}).text
    found = [one for family in text_string_to_metric_families(text) for one in family.samples]
    return {sample.name: set(sample.labels) for sample in found}


def test_the_dashboard_asks_for_what_is_told(service: LiveService):
    samples = told(service)
    asked = {name for text in EXPRESSIONS for name in re.findall(r"videosdgx_\w+", text)}
    told_with_a_gpu = {name for name in asked if name.startswith("videosdgx_gpu_")}
    told_later = {"videosdgx_eta_error_ratio"}  # once a job that was estimated has ended
    assert asked - told_with_a_gpu - told_later <= samples.keys()
    labels = set().union(*samples.values())
    grouped = {
        label
        for text in EXPRESSIONS
        for group in re.findall(r"by \(([^)]*)\)", text)
        for label in group.split(", ")
    }
    assert grouped <= labels


def test_the_dashboard_shows_everything_that_is_told(service: LiveService):
    shown = " ".join(EXPRESSIONS)
    assert [name for name in told(service) if name not in shown] == []


def test_the_pieces_of_grafana_fit():
    (source,) = load(PROVISIONING / "datasources" / "prometheus.yml")["datasources"]
    panels = DASHBOARD["panels"]
    used = {target["datasource"]["uid"] for panel in panels for target in panel["targets"]}
    assert used == {source["uid"]}
    (provider,) = load(PROVISIONING / "dashboards" / "videosdgx.yml")["providers"]
    assert provider["options"]["path"] == "/var/lib/grafana/dashboards"
    assert len({panel["id"] for panel in panels}) == len(panels)


def test_no_panels_overlap():
    cells = [cell for panel in DASHBOARD["panels"] for cell in _cells(panel["gridPos"])]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24


@needs_prometheus
def test_prometheus_takes_the_configuration():
    promtool("check", "config", "--syntax-only", str(MONITORING / "prometheus.yml"))


@needs_prometheus
def test_promtool_finds_nothing_wrong_with_the_metrics(service: LiveService):
    service.finish()
    text = service.client.get("/metrics", headers={"Accept": "text/plain;version=0.0.4"}).text
    assert promtool("check", "metrics", stdin=text) == ""


@needs_prometheus
def test_prometheus_scrapes_a_service(service: LiveService, tmp_path: Path):
    service.finish()
    config = load(MONITORING / "prometheus.yml")
    config["global"] = {"scrape_interval": "1s", "scrape_timeout": "1s"}
    target = service.url.removeprefix("http://")
    config["scrape_configs"][0]["static_configs"] = [{"targets": [target]}]
    file = tmp_path / "prometheus.yml"
    file.write_text(yaml.safe_dump(config))
    with prometheus(file, tmp_path) as client:
        wait_until(lambda: value_of(client, "up") == 1, what="the target is up")
        wait_until(lambda: answer(client, EXPRESSIONS[-1]) is not None, what="there are samples")
        for expression in EXPRESSIONS:
            assert answer(client, expression) is not None, expression
        ended = 'videosdgx_jobs_ended_total{state="completed"}'
        wait_until(lambda: (value_of(client, ended) or 0) >= 1, what="the job is counted")
        total = service.get("/info")["pool"]["total_bytes"]
        assert value_of(client, "max(videosdgx_pool_total_bytes)") == total


def load(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(path.read_text())
    return found


def _cells(place: dict[str, int]) -> Iterator[tuple[int, int]]:
    for x in range(place["x"], place["x"] + place["w"]):
        for y in range(place["y"], place["y"] + place["h"]):
            yield x, y


def promtool(*arguments: str, stdin: str = "") -> str:
    command = ["promtool", *arguments]
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stderr


@contextmanager
def prometheus(config: Path, folder: Path) -> Iterator[httpx.Client]:
    address = f"127.0.0.1:{_free_port()}"
    command = ["prometheus", f"--config.file={config}", f"--web.listen-address={address}"]
    command.append(f"--storage.tsdb.path={folder / 'data'}")
    with (folder / "log").open("wb") as log:
        child = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        with httpx.Client(base_url=f"http://{address}", trust_env=False) as client:
            wait_until(lambda: _is_ready(client), 60, "Prometheus is ready")
            yield client
    finally:
        child.terminate()
        child.wait(20)


def _is_ready(client: httpx.Client) -> bool:
    try:
        return client.get("/-/ready").status_code == 200
    except httpx.TransportError:
        return False


def answer(client: httpx.Client, expression: str) -> list[dict[str, Any]] | None:
    """What Prometheus finds; None where it does not understand."""
    found = client.get("/api/v1/query", params={"query": expression}).json()
    return found["data"]["result"] if found["status"] == "success" else None


def value_of(client: httpx.Client, expression: str) -> float | None:
    found = answer(client, expression)
    return float(found[0]["value"][1]) if found else None
