"""A stored example: what a service that was killed in the midst of its work left behind.

An archive holds the folders ``state`` and ``outputs``, ``database.sql`` where the jobs were in
PostgreSQL, and ``answers.json``: what the service said of it all before it was killed.
"""

import hashlib
import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import psycopg
from pydantic import BaseModel, ConfigDict

from tests.live import LiveService
from tests.receivers import SECRET, Receiver

HERE = Path(__file__).parent / "stored"
ANSWERS = "answers.json"
DUMP = "database.sql"
KEYS = {name: f"vdgx_{name}-of-the-stored-examples" for name in ("ana", "ben")}
"""Open no other door than that of these tests."""
IDEMPOTENCY_KEY = "the-key-of-before"
KEYED = {"prompt": "a bar with a key", "seed": 3, "num_frames": 5}
"""The request that came with it."""
POSTGRES_NAME = "spark"


class Stored(BaseModel):
    """What was said. Jobs and batches have names for what they are there to show."""

    model_config = ConfigDict(frozen=True)

    version: str
    commit: str
    jobs: dict[str, str]
    batches: dict[str, str] = {}
    answers: dict[str, Any]
    """JSON by path."""
    theirs: dict[str, Any] = {}
    """The same, of the other caller."""
    files: dict[str, str]
    """SHA-256 of what was downloaded, by path."""

    def job(self, name: str) -> Any:
        """A job, as it was seen."""
        return self.answers[f"/jobs/{self.jobs[name]}"]


def line_of(name: str) -> str:
    """The line of API_KEYS that makes a caller's key good."""
    return f"{name} user sha256:{hashlib.sha256(KEYS[name].encode()).hexdigest()}"


def toy_on(folder: Path, database_url: str | None = None) -> LiveService:
    """The toy's service with what the examples need: callers, webhooks, previews."""
    shared = {"database_url": database_url, "worker_name": POSTGRES_NAME} if database_url else {}
    return LiveService(
        folder,
        **shared,
        api_keys=";".join(line_of(name) for name in KEYS),
        metrics_open=1,
        webhooks_allowed=1,
        webhook_secret=SECRET,
        webhook_allow_http=1,
        webhook_allow_private=1,
        webhook_ports="any",
        webhook_retry_seconds="60,60,60",
        preview_every=1,
    )


def wan21_on(folder: Path) -> LiveService:
    """A real model's service, with the checkpoint that takes pictures."""
    checkpoint = "Wan-AI/Wan2.1-I2V-14B-480P-Diffusers"
    return LiveService(folder, "wan21.app", "wan21", wan21_checkpoint=checkpoint)


def be(service: LiveService, name: str) -> httpx.Client:
    """Ask as one of the callers from now on."""
    service.client.headers["X-API-Key"] = KEYS[name]
    return service.client


def caller(service: LiveService, name: str) -> httpx.Client:
    """A client of one of the callers, beside the service's own."""
    headers = {"X-API-Key": KEYS[name]}
    return httpx.Client(base_url=service.url, headers=headers, timeout=20, trust_env=False)


def digest(service: LiveService, path: str) -> str:
    """SHA-256 of a file that must be there."""
    answer = service.client.get(path)
    assert answer.status_code == 200, (path, answer.text)
    return hashlib.sha256(answer.content).hexdigest()


def pack(name: str, folder: Path) -> None:
    """Store the example that lies in a folder."""
    with tarfile.open(HERE / f"{name}.tar.xz", "w:xz") as archive:
        for part in ("state", "outputs", ANSWERS, DUMP):
            if (folder / part).exists():
                archive.add(folder / part, part, filter=_nobodys)


def _nobodys(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


def unpack(name: str, folder: Path) -> Stored:
    """Lay an example into a folder, as its service left it."""
    with tarfile.open(HERE / f"{name}.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    return Stored.model_validate_json((folder / ANSWERS).read_bytes())


def point_sqlite(folder: Path, target: Receiver) -> None:
    """The receiver of webhooks has another port today."""
    database = folder / "state" / "toy" / "jobs.db"
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE webhook_deliveries SET url = ?, host = ?", _place(target))


def load_postgres(folder: Path, url: str, target: Receiver) -> None:
    """Bring the dump of an example into an empty database, and point it likewise."""
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute((folder / DUMP).read_bytes())
        pointed = "UPDATE public.webhook_deliveries SET url = %s, host = %s"
        connection.execute(pointed, _place(target))


def _place(target: Receiver) -> tuple[str, str]:
    return target.url, f"127.0.0.1:{target.port}"
