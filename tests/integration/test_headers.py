"""Headers that a browser's safety rests on must be on every answer, whoever makes it."""

import asyncio
from pathlib import Path

import httpx
from fastapi import FastAPI

from common.api.door.headers import install
from tests.integration.callers import everyone
from tests.integration.fleet import Fleet
from tests.live import LiveService

SAFE = {
    "x-content-type-options": "nosniff",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
}


def check(answer: httpx.Response) -> None:
    what = (answer.request.method, str(answer.request.url), answer.status_code)
    for name, value in SAFE.items():
        assert answer.headers.get_list(name) == [value], what
    policies = answer.headers.get_list("content-security-policy")
    assert len(policies) == 1, what
    rules = [rule.strip() for rule in policies[0].split(";")]
    assert "default-src 'none'" in rules, what
    assert "frame-ancestors 'none'" in rules, what
    assert "unsafe" not in policies[0], what


def test_every_route_and_method_has_them(service: LiveService):
    """Answers of all kinds, errors too: the whole document is walked, by every method."""
    done = service.finish()["id"]
    document = service.get("/openapi.json")
    seen = set()
    for path in [
        *document["paths"],
        "/docs",
        "/docs/swagger-ui.css",
        "/ui",
        "/ui/",
        "/ui/main.js",
        "/nowhere",
    ]:
        filled = "/".join(done if part.startswith("{") else part for part in path.split("/"))
        for method in ("GET", "HEAD", "OPTIONS", "PUT", "POST", "DELETE"):
            if (method, path) == ("POST", "/v1/videos/sync") or method == "DELETE":
                filled = filled.replace(done, "none")
            with service.client.stream(method, filled, content=b"{") as answer:
                check(answer)
                seen.add(answer.status_code)
    assert seen >= {200, 202, 204, 307, 404, 405, 422}


def test_answers_of_the_door_have_them_too(fleet: Fleet, tmp_path: Path):
    """Refusals before any route: the host, the key, the site, the size, a preflight."""
    service = fleet.start(
        api_keys_file=everyone(tmp_path).path, cors_origins="https://a.example", max_body_mb=1
    )
    ask = service.client.request
    site = {"Origin": "https://a.example", "Access-Control-Request-Method": "GET"}
    answers = [
        ask("GET", "/jobs", headers={"Host": "b.example"}),
        ask("GET", "/jobs"),
        ask("POST", "/auth/session", headers={"Origin": "https://b.example"}, json={}),
        ask("POST", "/auth/session", json={"api_key": "x" * 2**21}),
        ask("OPTIONS", "/jobs", headers=site),
        ask("GET", "/health", headers=site),
    ]
    for answer in answers:
        check(answer)
    assert [answer.status_code for answer in answers[:3]] == [400, 401, 403]
    assert answers[4].headers["access-control-allow-origin"] == "https://a.example"


def test_a_known_file_keeps_its_own_policy(service: LiveService):
    """What a 304 says replaces what a browser has kept: it must not close the page."""
    first = service.client.get("/ui/main.js")
    again = service.client.get("/ui/main.js", headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304
    for answer in (first, again):
        check(answer)
        assert "script-src 'self'" in answer.headers["content-security-policy"]


def test_what_nobody_caught_has_them_too():
    """The answer to an error of our own is made outside of all middleware."""
    app = FastAPI()
    install(app)

    @app.get("/")
    async def _broken() -> None:
        raise ZeroDivisionError

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.get("/")

    answer = asyncio.run(ask())
    assert answer.status_code == 500
    check(answer)
