"""Bytes to a service and back, without a client's good manners."""

import json
import socket
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from tests.live import LiveService

JSON = "application/json"
FORM = "multipart/form-data; boundary=b"


@dataclass(frozen=True)
class Answer:
    """What came back until the end, or until the answer was complete."""

    status: int
    head: str
    text: str

    @property
    def error(self) -> dict[str, Any]:
        error: dict[str, Any] = json.loads(self.text)["error"]
        return error


def connect(service: LiveService, source: str = "127.0.0.1") -> socket.socket:
    """From an address of the loopback net, which all are this machine's own."""
    port = int(str(service.settings["PORT"]))
    return socket.create_connection(("127.0.0.1", port), timeout=30, source_address=(source, 0))


def head(
    path: str, length: int | None = None, kind: str = JSON, method: str = "POST", **more: str
) -> bytes:
    """A request's head. Without a length its body comes in chunks."""
    size = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", f"Content-Type: {kind}", size]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in more.items()]
    return "\r\n".join([*lines, "", ""]).encode()


def ask(service: LiveService, sent: bytes, source: str = "127.0.0.1") -> Answer:
    """Send this, and read the answer."""
    with connect(service, source) as opened:
        return say(opened, sent)


def say(opened: socket.socket, sent: bytes = b"") -> Answer:
    """Send this on a connection that is open, and read the answer."""
    with suppress(ConnectionError):  # it may be answered before all of it has gone
        opened.sendall(sent)
    return read(opened)


def post(service: LiveService, path: str, body: bytes, kind: str = JSON, **more: str) -> Answer:
    """A whole request."""
    return ask(service, head(path, len(body), kind, **more) + body)


def read(opened: socket.socket) -> Answer:
    """One answer; status 0 where the connection was closed without one."""
    data = b""
    while b"\r\n\r\n" not in data and (more := _some(opened)):
        data += more
    said, _, body = data.partition(b"\r\n\r\n")
    lines = said.decode("latin-1").lower().split("\r\n")
    length = next((int(line[15:]) for line in lines if line.startswith("content-length:")), 0)
    while len(body) < length and (more := _some(opened)):
        body += more
    status = int(lines[0].split()[1]) if data else 0
    return Answer(status, said.decode("latin-1").lower(), body.decode(errors="replace"))


def closed(opened: socket.socket) -> bool:
    """Whether the service has closed the connection; does not wait."""
    opened.setblocking(False)
    try:
        return opened.recv(1 << 20) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True
    finally:
        opened.settimeout(30)


def form(*parts: tuple[str, bytes], end: bytes = b"--b--\r\n") -> bytes:
    """A form's body, of heads below ``Content-Disposition: form-data;`` and contents."""
    written: Iterable[bytes] = (
        b"--b\r\nContent-Disposition: form-data; " + name.encode() + b"\r\n\r\n" + content + b"\r\n"
        for name, content in parts
    )
    return b"".join(written) + end


def _some(opened: socket.socket) -> bytes:
    try:
        return opened.recv(65536)
    except ConnectionError:
        return b""
