"""The page's files over HTTP, and its settings."""

import fnmatch
import tomllib
from pathlib import Path

import pytest

from common.base.settings import SettingsError, load_settings
from tests.live import ROOT, LiveService

FILES = sorted((ROOT / "common" / "api" / "ui").iterdir())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_files_may_load_and_send_nothing_elsewhere(service: LiveService, path: Path):
    answer = service.client.get(f"/ui/{path.name}")
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


def test_a_file_that_is_known_is_not_sent_again(service: LiveService):
    first = service.client.get("/ui/main.js")
    assert first.headers["cache-control"] == "no-cache"
    again = service.client.get("/ui/main.js", headers={"If-None-Match": first.headers["etag"]})
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
    for path in ("/ui/../app.py", "/ui/%2e%2e/app.py", "/ui/..%2fapp.py", "/ui/none.js"):
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
    patterns = project["tool"]["setuptools"]["package-data"]["common.api"]
    for path in FILES:
        assert any(fnmatch.fnmatch(f"ui/{path.name}", pattern) for pattern in patterns)


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
