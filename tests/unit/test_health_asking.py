"""How the services are asked: with whose key, and past which proxies."""

import json
from collections.abc import Iterator

import pytest

from scripts.health_ask import check
from tests.receivers import Receiver, Reply, receiver

JWT = "a.b.c"


@pytest.fixture
def service() -> Iterator[Receiver]:
    with receiver() as opened:
        body = json.dumps({"name": "VideosDGX", "model": "toy"}).encode()
        opened.answers(Reply(body=body))
        yield opened


def asked(service: Receiver, key: str | None, user: str = "") -> list[dict[str, str]]:
    """The headers of every question; the service has to be found."""
    url = f"http://{user}127.0.0.1:{service.port}"
    found = check("toy", url, key)
    assert (found.state, found.url) == ("warn", f"http://127.0.0.1:{service.port}")
    return [told.headers for told in service.told]


def test_the_key_that_was_given_goes_to_all_that_is_asked(
    service: Receiver, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("VIDEOSDGX_API_KEY", "of-the-environment")
    assert {headers["x-api-key"] for headers in asked(service, "given")} == {"given"}
    service.told.clear()
    assert {headers["x-api-key"] for headers in asked(service, None)} == {"of-the-environment"}


def test_a_token_is_a_bearers(service: Receiver):
    for headers in asked(service, JWT):
        assert headers["authorization"] == f"Bearer {JWT}"
        assert "x-api-key" not in headers


def test_this_machine_is_asked_past_any_proxy(service: Receiver, monkeypatch: pytest.MonkeyPatch):
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with receiver() as proxy:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        asked(service, "secret")
        assert proxy.told == []
        assert check("toy", "http://spark.invalid:8001").state == "down"
        assert proxy.told[0].path.startswith("http://spark.invalid:8001/")


def test_the_https_proxy_gets_its_password_and_the_service_its_key(service: Receiver):
    for headers in asked(service, "given", "ana:p%40ss@"):
        assert headers["authorization"] == "Basic YW5hOnBAc3M="
        assert headers["x-api-key"] == "given"
