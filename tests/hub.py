"""A tiny Hugging Face hub on localhost, for the real ``hf`` to fetch from.

Every commit of a repository has the same files; its branches are at ``COMMIT``.

It speaks as much of the hub's HTTP as ``hf download`` and ``hf cache verify`` ask for.
"""

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

COMMIT = "0123456789abcdef0123456789abcdef01234567"
Files = dict[str, bytes]


@dataclass
class Hub:
    """What it holds, and what was asked of it."""

    repositories: dict[str, Files]
    url: str = ""
    gated: set[str] = field(default_factory=set)
    sent: dict[str, int] = field(default_factory=dict)
    """Bytes of each file that went out."""
    cut_after: dict[str, int] = field(default_factory=dict)
    """Files whose next answer breaks off after so many bytes."""


@contextmanager
def running_hub(repositories: dict[str, Files]) -> Iterator[Hub]:
    """A hub that is up until the block ends."""
    hub = Hub(repositories)
    handler = type("Handler", (_Handler,), {"hub": hub})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        hub.url = f"http://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield hub
        server.shutdown()


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._json([])

    def _answer(self, *, body: bool) -> None:
        path = self.path.partition("?")[0]
        for pattern, method in _ROUTES.items():
            if found := re.fullmatch(pattern, path):
                repository = found["repository"]
                if repository not in self.hub.repositories:
                    return self._error(404, "RepoNotFound")
                if repository in self.hub.gated and "resolve" in path:
                    return self._error(403, "GatedRepo")
                return getattr(self, method)(found, body)
        return self._error(404, "EntryNotFound")

    def _info(self, found: "re.Match[str]", _body: bool) -> None:
        files = self.hub.repositories[found["repository"]]
        siblings = [{"rfilename": name, "size": len(data)} for name, data in files.items()]
        sha = _commit(found["revision"])
        self._json({"id": found["repository"], "sha": sha, "siblings": siblings})

    def _tree(self, found: "re.Match[str]", _body: bool) -> None:
        files = self.hub.repositories[found["repository"]]
        self._json([_entry(name, data) for name, data in files.items()])

    def _file(self, found: "re.Match[str]", body: bool) -> None:
        name = found["path"]
        data = self.hub.repositories[found["repository"]][name]
        start = _start(self.headers.get("Range"))
        self.send_response(206 if start else 200)
        self.send_header("X-Repo-Commit", _commit(found["revision"]))
        self.send_header("ETag", f'"{hashlib.sha256(data).hexdigest()}"')
        self.send_header("Accept-Ranges", "bytes")
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        if body:
            self._send(name, data[start:])

    def _send(self, name: str, data: bytes) -> None:
        cut = self.hub.cut_after.pop(name, None)
        self.hub.sent[name] = self.hub.sent.get(name, 0) + len(data[:cut])
        self.wfile.write(data[:cut])
        if cut is not None:
            self.close_connection = True

    def _json(self, content: Any) -> None:
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _error(self, status: int, code: str) -> None:
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("X-Error-Message", code)
        self.send_header("Content-Length", "0")
        self.end_headers()


_REPOSITORY = r"(?P<repository>[^/]+/[^/]+)"
_ROUTES = {
    rf"/api/models/{_REPOSITORY}(/revision/(?P<revision>[^/]+))?": "_info",
    rf"/api/models/{_REPOSITORY}/tree/[^/]+": "_tree",
    rf"/{_REPOSITORY}/resolve/(?P<revision>[^/]+)/(?P<path>.+)": "_file",
}


def _commit(revision: str | None) -> str:
    is_commit = revision is not None and re.fullmatch("[0-9a-f]{40}", revision)
    return str(revision) if is_commit else COMMIT


def _entry(name: str, data: bytes) -> dict[str, Any]:
    digest = hashlib.sha256(data).hexdigest()
    lfs = {"oid": digest, "size": len(data), "pointerSize": 1}
    oid = hashlib.sha1(data, usedforsecurity=False).hexdigest()
    return {"type": "file", "path": name, "size": len(data), "oid": oid, "lfs": lfs}


def _start(wanted: str | None) -> int:
    found = re.match(r"bytes=(\d+)-", wanted or "")
    return int(found[1]) if found else 0
