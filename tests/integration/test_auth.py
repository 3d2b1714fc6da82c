"""Keys on a real service: who comes in, what each may do, and whose jobs are whose."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from openai import DefaultHttpxClient, OpenAI

from tests.integration.answers import error_of
from tests.integration.callers import Keys, callers, everyone, made_by
from tests.integration.fleet import Fleet
from tests.integration.test_routes import LONG
from tests.live import LiveService, wait_until

pytestmark = pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning")

OPEN = {"/", "/health", "/auth/session"}
Clients = dict[str, httpx.Client]


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return everyone(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory, keys: Keys) -> Iterator[LiveService]:
    service = LiveService(tmp_path_factory.mktemp("guarded"), api_keys_file=keys.path)
    yield service.start()
    service.close()


@pytest.fixture
def clients(guarded: LiveService, keys: Keys) -> Iterator[Clients]:
    with callers(guarded, keys) as found:
        yield found


def ended(client: httpx.Client, job_id: str, state: str = "completed") -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        job: dict[str, Any] = client.get(f"/jobs/{job_id}").json()
        return job if job["state"] == state else None

    return wait_until(look, what=f"the job is {state}")


def refused_with(status: int, answer: httpx.Response) -> dict[str, str]:
    assert answer.status_code == status, answer.text
    return error_of(answer)


def operations(client: httpx.Client) -> list[tuple[str, str]]:
    document = client.get("/openapi.json").json()
    return [(path, method) for path, item in document["paths"].items() for method in item]


def test_every_route_needs_a_key_but_the_open_ones(clients: Clients):
    for path, method in operations(clients["nobody"]):
        filled = path.replace("{", "").replace("}", "")
        answer = clients["nobody"].request(method, filled, json={})
        if path in OPEN:
            assert answer.status_code != 401, (method, path)
        else:
            assert answer.status_code == 401, (method, path)
            assert answer.headers["WWW-Authenticate"] == 'Bearer realm="videosdgx"'
    for path in ("/docs", "/docs/start.js", "/openapi.json"):
        assert clients["nobody"].get(path).status_code == 200
    assert clients["nobody"].get("/nowhere").status_code == 401


@pytest.mark.parametrize("header", ["X-API-Key", "Authorization"])
def test_a_key_is_taken_in_either_header(guarded: LiveService, keys: Keys, header: str):
    prefix = "bearer " if header == "Authorization" else ""
    for key, status in ((keys.keys["ana"], 200), (keys.keys["ana"][:-1], 401), ("ä", 401)):
        answer = guarded.client.get("/jobs", headers={header: (prefix + key).encode()})
        assert answer.status_code == status, key


def test_a_wrong_key_is_told_apart_from_none(guarded: LiveService):
    answer = guarded.client.get("/jobs", headers={"X-API-Key": "wrong"})
    error = refused_with(401, answer)
    assert error["code"] == "unauthenticated"
    assert "not known" in error["message"]
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


def test_the_hosts_name_cannot_pass_for_a_path(guarded: LiveService):
    port = guarded.settings["PORT"]
    for host in ("x/health?", "localhost/health?", f"127.0.0.1:{port}/health?"):
        answer = guarded.client.get("/jobs", headers={"Host": host})
        assert answer.status_code in (400, 401), host


def test_each_sees_their_own_jobs_and_an_admin_sees_all(clients: Clients):
    theirs = {name: made_by(clients[name]) for name in ("ana", "ben")}
    listed = {
        name: {job["id"] for job in client.get("/jobs?limit=100").json()["jobs"]}
        for name, client in clients.items()
        if name != "nobody"
    }
    assert theirs["ana"] in listed["ana"] - listed["ben"]
    assert theirs["ben"] in listed["ben"] - listed["ana"]
    assert listed["root"] >= set(theirs.values())
    videos = clients["ana"].get("/v1/videos?limit=100").json()["data"]
    assert {video["id"] for video in videos} == listed["ana"]
    assert clients["root"].get(f"/jobs/{theirs['ana']}").status_code == 200


def test_anothers_job_is_not_there_on_any_route(clients: Clients, guarded: LiveService):
    """Walks the document: a route that is added later is looked at as well."""
    job = made_by(clients["ana"])
    ended(clients["ana"], job)
    requests = {"requests": [{"prompt": "x"}, {"prompt": "y"}]}
    batch = clients["ana"].post("/generate/batch", json=requests).json()["id"]
    checked = set()
    for path, method in operations(clients["ben"]):
        if "{" not in path or path.startswith("/loras"):  # an admin's, and all may use them
            continue
        theirs = batch if "{batch_id}" in path else job
        filled = "/".join(theirs if part.startswith("{") else part for part in path.split("/"))
        answer = clients["ben"].request(method, filled, json=_body(path))
        assert answer.status_code == 404, (method, path, answer.text)
        assert clients["ben"].request("HEAD", filled).status_code in (404, 405)
        checked.add(path)
    assert len(checked) >= 15
    assert clients["ana"].get(f"/batches/{batch}").status_code == 200
    assert clients["ben"].get("/batches").json()["batches"] == []
    assert clients["ben"].get("/jobs", params={"batch": batch}).json()["jobs"] == []
    assert clients["ana"].get(f"/jobs/{job}/download").status_code == 200, "and it is still there"
    for fields in ({"extend": job}, {"image": {"job": job}}):
        used = clients["ben"].post("/generate", json={"prompt": "x", **fields})
        assert (used.status_code, job in used.text) == (404, True), used.text
        assert clients["ana"].post("/generate", json={"prompt": "x", **fields}).is_success
    after = clients["ben"].get("/v1/videos", params={"after": job})
    assert after.status_code == 404, "nor can it mark a place"
    assert guarded.query("SELECT owner FROM jobs WHERE id = ?", job) == [("ana",)]


def _body(path: str) -> dict[str, Any] | None:
    return {"prompt": "x"} if path.endswith("/remix") else None


def test_streams_and_waiting_answers_know_their_owner(clients: Clients, guarded: LiveService):
    answer = clients["ana"].post("/v1/videos/sync", json={"prompt": "x"})
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "video/mp4")
    job = answer.headers["X-Request-Id"]
    assert guarded.query("SELECT owner FROM jobs WHERE id = ?", job) == [("ana",)]
    assert "event: state" in clients["ana"].get(f"/jobs/{job}/events").text
    remix = clients["ana"].post(f"/v1/videos/{job}/remix", json={"prompt": "y"})
    assert clients["ana"].get(f"/jobs/{remix.json()['id']}").status_code == 200
    assert clients["ben"].get(f"/jobs/{remix.json()['id']}").status_code == 404


def test_an_admin_removes_anothers_job(clients: Clients):
    job = made_by(clients["ben"], **LONG)
    assert clients["root"].post(f"/jobs/{job}/cancel").status_code == 200
    ended(clients["ben"], job, "cancelled")
    assert clients["root"].delete(f"/jobs/{job}").status_code == 204
    assert clients["ben"].get(f"/jobs/{job}").status_code == 404


@pytest.mark.parametrize(("method", "path"), [("POST", "/load"), ("POST", "/unload")])
def test_what_concerns_all_needs_an_admin(clients: Clients, method: str, path: str):
    error = refused_with(403, clients["ana"].request(method, path))
    assert (error["code"], "admin" in error["message"]) == ("forbidden", True)
    assert clients["root"].request(method, path).status_code == 202
    assert clients["ana"].request(method, f"{path}%0A").status_code in (403, 404)


def test_the_metrics_are_for_admins(clients: Clients):
    assert clients["ana"].get("/metrics").status_code == 403
    assert clients["root"].get("/metrics").status_code == 200


def test_the_metrics_may_be_opened(fleet: Fleet, tmp_path: Path):
    service = fleet.start(api_keys_file=everyone(tmp_path).path, metrics_open=1)
    assert service.client.get("/metrics").status_code == 200
    assert service.client.get("/queue/status").status_code == 401


def test_the_document_says_which_routes_need_a_key(clients: Clients):
    document = clients["nobody"].get("/openapi.json").json()
    schemes = document["components"]["securitySchemes"]
    assert {scheme["type"] for scheme in schemes.values()} == {"http", "apiKey"}
    for path, item in document["paths"].items():
        for operation in item.values():
            if path in OPEN:
                assert operation["security"] == []
            else:
                assert [set(one) for one in operation["security"]] == [{name} for name in schemes]
                assert "401" in operation["responses"]


def test_a_removed_key_is_out_at_once_and_a_new_one_in(fleet: Fleet, tmp_path: Path):
    keys = everyone(tmp_path)
    service = fleet.start(api_keys_file=keys.path)
    keys.remove("ana")
    keys.make("eva")
    with callers(service, keys) as clients:
        assert clients["ana"].get("/jobs").status_code == 401
        assert clients["eva"].get("/jobs").status_code == 200
        keys.path.write_text(f"ana {keys.keys['ben']}\n")  # damaged: the key itself, not its hash
        assert clients["ben"].get("/jobs").status_code == 200
        service.wait_said("line 1")
        assert keys.keys["ben"] not in service.log()
        keys.path.write_text("")
        assert clients["ben"].get("/jobs").status_code == 401
        assert clients["nobody"].get("/jobs").status_code == 401, "no keys must not mean: open"


def test_keys_that_come_later_close_the_service(fleet: Fleet, tmp_path: Path):
    keys = Keys(tmp_path / "api_keys")
    keys.write()
    service = fleet.start(api_keys_file=keys.path)
    job = service.submit()
    keys.make("ana")
    with callers(service, keys) as clients:
        assert clients["nobody"].get("/jobs").status_code == 401
        assert clients["ana"].get(f"/jobs/{job}").status_code == 404, "it was nobody's"


def test_a_damaged_key_file_stops_the_start(fleet: Fleet, tmp_path: Path):
    path = tmp_path / "api_keys"
    path.write_text("# fine\nana user sha256:1234\n")
    service = fleet.prepare(api_keys_file=path)
    service.launch()
    assert service.exit_code() == 1
    service.wait_said("API_KEYS_FILE: line 2 is not")


def test_without_keys_all_is_as_it_was(fleet: Fleet):
    service = fleet.start()
    job = service.submit()
    service.wait_for(job, "completed")
    assert service.query("SELECT owner FROM jobs") == [("",)]
    assert service.client.get("/jobs", headers={"X-API-Key": "any"}).status_code == 200
    assert service.client.post("/unload").status_code == 202
    assert service.get("/auth/session") == {
        "required": False,
        "user": None,
        "scopes": ["user", "admin"],
    }
    document = service.get("/openapi.json")
    assert "security" not in document["paths"]["/jobs"]["get"]


def sdk(service: LiveService, key: str) -> OpenAI:
    http = DefaultHttpxClient(trust_env=False)
    return OpenAI(base_url=f"{service.url}/v1", api_key=key, max_retries=0, http_client=http)


def test_openais_client_raises_what_it_would_there(guarded: LiveService, keys: Keys):
    with sdk(guarded, "wrong") as client, pytest.raises(openai.AuthenticationError) as caught:
        client.videos.create(prompt="x")
    assert caught.value.code == "unauthenticated"
    with sdk(guarded, keys.keys["ana"]) as ana, sdk(guarded, keys.keys["ben"]) as ben:
        video = ana.videos.create_and_poll(prompt="x")
        assert video.status == "completed"
        for call in (ben.videos.retrieve, ben.videos.delete, ben.videos.download_content):
            with pytest.raises(openai.NotFoundError):
                call(video.id)
        with pytest.raises(openai.NotFoundError):
            ben.videos.remix(video.id, prompt="mine")


def test_openais_client_meets_the_limits(fleet: Fleet, tmp_path: Path):
    keys = everyone(tmp_path)
    service = fleet.start(api_keys_file=keys.path, rate_limit_per_minute=2)
    with sdk(service, keys.keys["ana"]) as ana, sdk(service, keys.keys["ben"]) as ben:
        for _ in range(2):
            ana.videos.create(prompt="x")
        with pytest.raises(openai.RateLimitError) as caught:
            ana.videos.create(prompt="x")
        assert caught.value.code == "rate_limited"
        assert 1 <= int(caught.value.response.headers["Retry-After"]) <= 30
        assert ana.videos.list().data, "reading is not counted"
        ben.videos.create(prompt="x")


def test_the_rate_is_told_in_headers(fleet: Fleet):
    service = fleet.start(rate_limit_per_minute=2)
    answers = [service.client.post("/generate", json={"prompt": "x"}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [202, 202, 429]
    assert {answer.headers["RateLimit-Policy"] for answer in answers} == {'"jobs";q=2;w=60'}
    left = [answer.headers["RateLimit"].split(";")[1] for answer in answers]
    assert left == ["r=1", "r=0", "r=0"]
    assert refused_with(429, answers[2])["code"] == "rate_limited"
    assert "RateLimit" not in service.client.get("/jobs").headers


def test_a_key_has_so_many_jobs_at_once(fleet: Fleet, tmp_path: Path):
    keys = everyone(tmp_path)
    service = fleet.start(api_keys_file=keys.path, max_jobs_per_key=1)
    with callers(service, keys) as clients:
        job = made_by(clients["ana"], **LONG)
        refused = clients["ana"].post("/generate", json={"prompt": "x"})
        assert refused_with(429, refused)["code"] == "too_many_jobs"
        assert int(refused.headers["Retry-After"]) > 0
        made_by(clients["ben"], **LONG)
        clients["ana"].post(f"/jobs/{job}/cancel")
        ended(clients["ana"], job, "cancelled")
        made_by(clients["ana"])
