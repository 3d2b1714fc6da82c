"""What one caller's jobs are must not be read by another, on any route, of any service."""

from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.integration.callers import Keys, callers, everyone, made_by
from tests.integration.test_memory import Pair
from tests.live import ENDED, wait_until

WALRUS = "walrus"
SECRET = f"a violet {WALRUS}"
LONG: dict[str, Any] = {"options": {"step_seconds": 0.5}, "num_inference_steps": 100}
STREAMED = 500
"""Characters of a stream that are looked at: it has no end."""


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return everyone(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory, keys: Keys) -> Iterator[Pair]:
    """Two services of one machine; the metrics are open, so that strangers reach those too."""
    settings = {"api_keys_file": keys.path, "metrics_open": 1, "webhooks_allowed": 1}
    secret = {"webhook_secret": f"whsec_{b64encode(bytes(32)).decode()}"}
    services = Pair(tmp_path_factory.mktemp("pair"), **settings | secret)
    yield services.start()
    services.close()


def state_of(client: httpx.Client, job_id: str) -> str:
    return str(client.get(f"/jobs/{job_id}").json()["state"])


@dataclass(frozen=True)
class Theirs:
    """Ids of somebody's jobs of all kinds, and of a batch."""

    ended: list[str]
    running: str
    waiting: str
    batch: str

    @property
    def all(self) -> list[str]:
        return [*self.ended, self.running, self.waiting, self.batch]


def jobs_of_all_kinds(client: httpx.Client) -> Theirs:
    done = made_by(client, prompt=SECRET, webhook_url=f"https://{WALRUS}.invalid/hook")
    failed = made_by(client, prompt=SECRET, options={"raise_at": "denoising"})
    batch = a_batch(client, SECRET)
    members = [job["id"] for job in client.get("/jobs", params={"batch": batch}).json()["jobs"]]
    ended = [done, failed, *members]
    wait_until(lambda: all(state_of(client, one) in ENDED for one in ended), 60)
    running = made_by(client, prompt=SECRET, **LONG)
    wait_until(lambda: state_of(client, running) == "running", 60)
    waiting, cancelled = (made_by(client, prompt=SECRET, **LONG) for _ in range(2))
    client.post(f"/jobs/{cancelled}/cancel")
    return Theirs([*ended, cancelled], running, waiting, batch)


def seen(client: httpx.Client, path: str, accept: str) -> str:
    """Head and body of an answer; of a stream the beginning."""
    with client.stream("GET", path, headers={"Accept": accept}) as answer:
        text = str(answer.headers.raw)
        for piece in answer.iter_raw():
            text += piece.decode("latin-1")
            if "event-stream" in answer.headers.get("content-type", "") and len(text) > STREAMED:
                break
        return text


def routes(client: httpx.Client) -> list[str]:
    document = client.get("/openapi.json").json()
    return [path for path, item in document["paths"].items() if "get" in item]


def filled(path: str, job: str, batch: str) -> str:
    own = batch if "{batch_id}" in path else job
    return "/".join(own if part.startswith("{") else part for part in path.split("/"))


def walk(client: httpx.Client, paths: list[str], job: str, batch: str) -> Iterator[tuple[str, str]]:
    for path in [*paths, "/nowhere", "/ui/config"]:
        for accept in ("application/json", "text/plain"):
            yield path, seen(client, filled(path, job, batch), accept)


def a_batch(client: httpx.Client, prompt: str) -> str:
    body = {"requests": [{"prompt": prompt}, {"prompt": f"{prompt}, again"}]}
    return str(client.post("/generate/batch", json=body).json()["id"])


def test_no_route_names_anothers_jobs(pair: Pair, keys: Keys):
    """Ids and words of others' jobs: every GET route, of the service and of its neighbour."""
    with ExitStack() as stack:
        own, next_door = (stack.enter_context(callers(one, keys)) for one in (pair.a, pair.b))
        theirs = jobs_of_all_kinds(own["ana"])
        for clients in (own, next_door):
            job, batch = made_by(clients["ben"], prompt="mine"), a_batch(clients["ben"], "mine")
            paths = routes(clients["ben"])
            assert len(paths) >= 20
            for who in ("ben", "nobody"):
                for path, text in walk(clients[who], paths, job, batch):
                    found = [secret for secret in (*theirs.all, WALRUS) if secret in text]
                    assert not found, (clients["ben"].base_url, who, path)
            assert theirs.running in clients["root"].get("/queue/status").text, "an admin sees it"
        assert theirs.running in own["ana"].get("/queue/status").text, "and its owner"
        assert theirs.ended[0] in own["root"].get("/metrics").text
