"""``scripts/services.txt`` drives the scripts; here it is held against what repeats it."""

import re

import pytest
import yaml

from common.contract.finding import load_spec
from scripts.health_ask import urls_on
from scripts.services import MODELS, PORTS, spec_address
from tests.live import ROOT


def test_it_has_the_ports_of_the_specs():
    assert {name: load_spec(spec_address(name)).port for name in MODELS} == PORTS


def test_it_has_every_model_folder():
    assert {path.parent.name for path in ROOT.glob("*/model_config.py")} == set(PORTS)


def test_the_makefile_agrees():
    found = re.search(r"^MODELS := (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert found
    assert found[1].split() == list(MODELS) or "services.txt" in found[1]


def test_prometheus_scrapes_them_all():
    config = yaml.safe_load((ROOT / "monitoring" / "prometheus.yml").read_text())
    (job,) = config["scrape_configs"]
    targets = [target for group in job["static_configs"] for target in group["targets"]]
    assert targets == [f"{name}:{port}" for name, port in PORTS.items()]


def test_health_asks_them_all(monkeypatch: pytest.MonkeyPatch):
    for name in PORTS:
        monkeypatch.delenv(f"{name.upper()}_PORT", raising=False)
    monkeypatch.setenv("WAN21_PORT", "9002")
    found = urls_on("spark")
    assert found.keys() == PORTS.keys()
    assert found["wan21"] == "http://spark:9002"
