"""Browsers at the door: cookies, other sites' pages, names that are not ours; and the start."""

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import jwt
import pytest

from tests.integration.answers import error_of
from tests.integration.callers import Keys, everyone
from tests.integration.fleet import Fleet
from tests.live import LiveService

SECRET = "a secret that is long enough for HS256"  # noqa: S105
JOB = {"prompt": "a bar"}


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return everyone(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory, keys: Keys) -> Iterator[LiveService]:
    settings = {"jwt_secret": SECRET, "jwt_issuer": "us", "cors_origins": "https://a.example"}
    service = LiveService(tmp_path_factory.mktemp("guarded"), api_keys_file=keys.path, **settings)
    yield service.start()
    service.close()


@pytest.fixture
def browser(guarded: LiveService) -> Iterator[httpx.Client]:
    """Keeps cookies, and names the page's own site."""
    headers = {"Origin": guarded.url, "Sec-Fetch-Site": "same-origin"}
    with httpx.Client(base_url=guarded.url, headers=headers, trust_env=False) as client:
        yield client


def log_in(client: httpx.Client, key: str) -> httpx.Response:
    return client.post("/auth/session", json={"api_key": key})


def test_a_browser_shows_its_key_once(browser: httpx.Client, keys: Keys):
    assert browser.get("/auth/session").json() == {"required": True, "user": None, "scopes": []}
    answer = log_in(browser, keys.keys["root"])
    root = {"required": True, "user": "root", "scopes": ["user", "admin"]}
    assert (answer.status_code, answer.json()) == (200, root)
    cookie = answer.headers["Set-Cookie"].lower()
    assert {"httponly", "samesite=strict", "path=/"} <= set(cookie.split("; "))
    assert "secure" not in cookie
    assert keys.keys["root"].lower() not in cookie
    assert browser.get("/auth/session").json() == root
    job = browser.post("/generate", json=JOB)
    assert job.status_code == 202
    assert browser.get(job.headers["Location"]).status_code == 200
    assert browser.delete("/auth/session").status_code == 204
    assert not browser.cookies
    assert browser.get("/jobs").status_code == 401


def test_a_cookie_dies_when_its_browser_signs_out(fleet: Fleet, keys: Keys):
    """A copy of it, too, and after a restart; the same key's other cookies live on."""
    here = fleet.start(api_keys_file=keys.path)
    copies = []
    for _ in range(3):
        answer = log_in(here.client, keys.keys["ana"])
        copies.append({"Cookie": answer.headers["Set-Cookie"].split(";")[0]})
        here.client.cookies.clear()
    first, second, _ = copies

    def status(headers: dict[str, str]) -> int:
        return here.client.get("/jobs", headers=headers).status_code

    assert [status(one) for one in copies] == [200, 200, 200]
    own = {"Origin": here.url, "Sec-Fetch-Site": "same-origin"}
    assert here.client.delete("/auth/session", headers=first | own).status_code == 204
    assert [status(one) for one in copies] == [401, 200, 200], "made in one second, ended alone"
    here.kill()
    here.restart()
    assert here.client.delete("/auth/session", headers=second | own).status_code == 204
    assert [status(one) for one in copies] == [401, 401, 200]
    assert here.client.delete("/auth/session", headers=second | own).status_code == 204, "again"


def test_a_wrong_key_gets_no_cookie(browser: httpx.Client):
    answer = log_in(browser, "wrong")
    assert (answer.status_code, error_of(answer)["code"]) == (401, "unauthenticated")
    assert not browser.cookies
    for body in ('{"api_key": "\\ud800"}', '{"api_key": 1}', "{}", "[]", "x"):
        assert browser.post("/auth/session", content=body).status_code == 422, body


def test_behind_https_the_cookie_is_secure(browser: httpx.Client, keys: Keys):
    headers = {"X-Forwarded-Proto": "https"}
    answer = browser.post("/auth/session", json={"api_key": keys.keys["ana"]}, headers=headers)
    assert "; Secure" in answer.headers["Set-Cookie"]


def test_a_cookie_dies_with_its_key(fleet: Fleet, tmp_path: Path):
    keys = everyone(tmp_path)
    service = fleet.start(api_keys_file=keys.path)
    assert log_in(service.client, keys.keys["ana"]).status_code == 200
    assert service.get("/jobs") == {"jobs": [], "next_cursor": None}
    cookie = dict(service.client.cookies)
    service.stop()
    service.restart()
    service.client.cookies.update(cookie)
    assert service.client.get("/jobs").status_code == 200, "it outlives the service"
    keys.remove("ana")
    assert service.client.get("/jobs").status_code == 401
    assert service.get("/auth/session")["user"] is None


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://localhost:3000"},
        {"Sec-Fetch-Site": "", "Origin": "null"},
        {"Sec-Fetch-Site": "", "Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "", "Origin": ""},
        {"Sec-Fetch-Site": "", "Origin": "https://a.example"},
    ],
)
def test_another_sites_page_cannot_use_the_cookie(
    browser: httpx.Client, keys: Keys, headers: dict[str, str]
):
    assert log_in(browser, keys.keys["ana"]).status_code == 200
    refused = browser.post("/generate", json=JOB, headers=headers)
    assert (refused.status_code, error_of(refused)["code"]) == (403, "cross_origin")
    with_key = headers | {"X-API-Key": keys.keys["ana"]}
    assert browser.post("/generate", json=JOB, headers=with_key).status_code == 202
    assert browser.get("/jobs", headers=headers).status_code == 200, "reading changes nothing"


def test_another_sites_page_cannot_ask_a_service_without_keys_either(fleet: Fleet):
    service = fleet.start(cors_origins="https://a.example")
    form = {"prompt": (None, "x")}  # a form needs no preflight
    headers = {"Origin": "https://evil.example"}
    assert service.client.post("/generate", files=form, headers=headers).status_code == 403
    headers = {"Origin": "https://a.example"}
    answer = service.client.post("/generate", files=form, headers=headers)
    assert answer.status_code == 202
    assert answer.headers["Access-Control-Allow-Origin"] == "https://a.example"
    assert service.client.post("/generate", files=form).status_code == 202, "no browser"


def test_only_named_sites_may_read(guarded: LiveService, fleet: Fleet):
    wish = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-api-key"}
    for origin, allowed in (("https://a.example", 200), ("https://evil.example", 400)):
        answer = guarded.client.options("/generate", headers=wish | {"Origin": origin})
        assert answer.status_code == allowed
        assert (answer.headers.get("Access-Control-Allow-Origin") == origin) == (allowed == 200)
    closed = fleet.start().client.get("/info", headers={"Origin": "https://a.example"})
    assert "Access-Control-Allow-Origin" not in closed.headers


@pytest.mark.parametrize(
    ("host", "good"),
    [
        ("localhost", True),
        ("LOCALHOST:8001", True),
        ("127.0.0.1:1", True),
        ("[::1]:8001", True),
        ("toy:8001", True),
        ("evil.example", False),
        ("evil.example:8001", False),
        ("localhost.evil.example", False),
        ("localhost:8001:evil", False),
        ("", False),
    ],
)
def test_a_service_answers_to_its_names_only(guarded: LiveService, host: str, good: bool):
    answer = guarded.client.get("/", headers={"Host": host})
    assert answer.status_code == (200 if good else 400)
    if not good:
        assert error_of(answer)["code"] == "invalid_host"
    assert guarded.client.get("/health", headers={"Host": host}).status_code == 200


def test_names_may_be_added(fleet: Fleet):
    service = fleet.start(allowed_hosts="spark, Spark.lan")
    for host, status in (("spark:8001", 200), ("spark.LAN", 200), ("localhost", 400)):
        assert service.client.get("/", headers={"Host": host}).status_code == status
    anyone = fleet.start(allowed_hosts="*")
    assert anyone.client.get("/", headers={"Host": "evil.example"}).status_code == 200


def token(**claims: object) -> dict[str, str]:
    good = {"sub": "eva", "aud": "videosdgx", "iss": "us", "scope": "user", "exp": time.time() + 60}
    text = jwt.encode(good | claims, SECRET, algorithm="HS256")
    return {"Authorization": f"Bearer {text}"}


def test_a_token_is_as_good_as_a_key(guarded: LiveService):
    answer = guarded.client.post("/generate", json=JOB, headers=token())
    assert answer.status_code == 202
    path = answer.headers["Location"]
    assert guarded.query("SELECT owner FROM jobs WHERE id = ?", path[6:]) == [("eva",)]
    assert guarded.client.get(path, headers=token()).status_code == 200
    assert guarded.client.get(path, headers=token(sub="ana")).status_code == 404
    assert guarded.client.get(path, headers=token(sub="x", scope="admin")).status_code == 200


@pytest.mark.parametrize(
    ("claims", "status", "code"),
    [
        ({"exp": 1}, 401, "token_expired"),
        ({"aud": "others"}, 401, "unauthenticated"),
        ({"iss": "others"}, 401, "unauthenticated"),
        ({"scope": "mail"}, 403, "forbidden"),
    ],
)
def test_a_token_that_is_not_good(
    guarded: LiveService, claims: dict[str, object], status: int, code: str
):
    answer = guarded.client.get("/jobs", headers=token(**claims))
    assert (answer.status_code, error_of(answer)["code"]) == (status, code)
    theirs = guarded.client.get("/v1/videos", headers=token(**claims)).json()["error"]
    assert (theirs["code"], set(theirs)) == (code, {"message", "type", "param", "code"})


@pytest.mark.parametrize(
    ("settings", "listens"),
    [
        ({}, False),
        ({"allow_unauthenticated": 1}, True),
        ({"api_keys": "ana user sha256:" + 64 * "0"}, True),
        ({"jwt_secret": SECRET, "jwt_issuer": "us"}, True),
    ],
)
def test_without_keys_it_does_not_listen_to_strangers(
    fleet: Fleet, settings: dict[str, object], listens: bool
):
    service = fleet.prepare(host="0.0.0.0", **settings)  # noqa: S104
    if listens:
        assert service.start().client.get("/health").status_code == 200
        return
    service.launch()
    assert service.exit_code() == 1
    service.wait_said("HOST: 0.0.0.0 can be reached from outside")


def test_guessing_is_counted_slowed_and_told_and_locks_nobody_out(fleet: Fleet, keys: Keys):
    """Wrong keys, tokens and logins; the right key of the same address is answered at once."""
    service = fleet.start(api_keys_file=keys.path)
    wrong = "vdgx_walrus"
    for _ in range(2):
        assert log_in(service.client, wrong).status_code == 401
        assert service.client.get("/jobs", headers={"X-API-Key": wrong}).status_code == 401
        bearer = {"Authorization": f"Bearer {wrong}"}
        assert service.client.get("/jobs", headers=bearer).status_code == 401
        assert service.client.get("/jobs").status_code == 401, "nothing was shown"
        ended = {"Cookie": "videosdgx_session=a.1.b.c"}
        assert service.client.get("/jobs", headers=ended).status_code == 401
    headers = {"X-API-Key": keys.keys["root"], "Accept": "text/plain"}
    told = service.client.get("/metrics", headers=headers).text
    assert 'videosdgx_sign_ins_refused_total{model="toy"} 6.0' in told
    assert log_in(service.client, keys.keys["ana"]).status_code == 200
    assert service.log().count("a key was refused") == 6
    service.wait_said("address=127.0.0.1 in_a_row=6")
    assert wrong not in service.log()
