"""The page's files over HTTP, and its settings."""

import fnmatch
import tomllib
from pathlib import Path

import pytest

from common.base.settings import SettingsError, load_settings
from tests.live import ROOT, LiveService

PAGE = ROOT / "common" / "api" / "ui" / "page"
VIDEO = ROOT / "common" / "kinds" / "video" / "page"
FILES = {f"/ui/{path.name}": path for path in sorted(PAGE.iterdir())}
FILES |= {f"/ui/kind/{path.name}": path for path in sorted(VIDEO.iterdir())}


@pytest.mark.parametrize("address", FILES)
def test_files_may_load_and_send_nothing_elsewhere(service: LiveService, address: str):
    path = FILES[address]
    answer = service.client.get(address)
    assert answer.content == path.read_bytes()
    policy = dict(
        [*rule.split(" ", 1), ""][:2]
        for rule in answer.headers["content-security-policy"].split("; ")
    )
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("address", ["/ui/main.js", "/ui/kind/kind.js"])
def test_a_file_that_is_known_is_not_sent_again(service: LiveService, address: str):
    first = service.client.get(address)
    assert first.headers["cache-control"] == "no-cache"
    assert first.headers["content-encoding"] == "gzip"
    again = service.client.get(address, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["cache-control"] == "no-cache"


def test_a_browser_is_led_to_the_page_and_a_program_is_not(service: LiveService):
    html = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    led = service.client.get("/", headers=html)
    assert (led.status_code, led.headers["location"]) == (307, "/ui/")
    assert service.client.get("/ui").headers["location"] == "/ui/"
    assert service.client.get("/ui/").headers["content-type"].startswith("text/html")
    assert service.get("/")["model"] == "toy"


def test_nothing_outside_the_folder_is_served(service: LiveService):
    beside = ("/ui/../pages.py", "/ui/%2e%2e/pages.py", "/ui/..%2fpages.py", "/ui/none.js")
    kinds = (
        "/ui/kind/..%2fresolver.py",
        "/ui/kind/%2e%2e/resolver.py",
        "/ui/kind/main.js",
        "/ui/kind/",
    )
    for path in (*beside, *kinds):
        answer = service.client.get(path)
        assert answer.status_code == 404
        assert answer.json()["error"]["code"] == "not_found"


def test_the_configuration_says_what_the_page_cannot_know(service: LiveService):
    config = service.get("/ui/config")
    assert config["model"] == "toy"
    assert config["siblings"] == []
    assert config["uploads"]["max_body_bytes"] == 1024**2


def test_the_page_is_shipped():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    patterns = project["tool"]["setuptools"]["package-data"]
    for path in FILES.values():
        package = ".".join(path.parts[len(ROOT.parts) : -2])
        assert any(fnmatch.fnmatch(f"page/{path.name}", one) for one in patterns[package])


@pytest.mark.parametrize(
    "text", ["wan21", "=:8002", "wan21=localhost:8002", "wan21=javascript:alert(1)", "a=http://b c"]
)
def test_a_sibling_without_a_place_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SIBLINGS", text)
    with pytest.raises(SettingsError, match=r"SIBLINGS.*name=http://host:port"):
        load_settings("wan21")
