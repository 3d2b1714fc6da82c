"""One service, over HTTP. Requests that may arrive twice are sent again by themselves."""

import json
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO, Self
from urllib.parse import urlsplit
from uuid import uuid4

import httpx

from scripts.cli.errors import WRONG, CliError, refusal, unreachable
from scripts.cli.events import Event, events_of
from scripts.health_ask import urls_on
from scripts.plain_http import OURSELVES, key_headers, without_password
from scripts.services import PORTS

TRIES = 3
TIMEOUT = httpx.Timeout(30, read=120)
SILENCE_SECONDS = 60.0
"""Of a stream: a service says each 15 seconds that it is still there (FastAPI's
``_PING_INTERVAL``)."""
HOST = "127.0.0.1"

Json = dict[str, Any]
Files = dict[str, tuple[str, bytes]]
Uploads = Mapping[str, tuple[str, bytes | BinaryIO]]
"""Names and what is in them; a file is read while it is sent, and again where that broke."""


def address_of(service: str | None) -> str:
    """The address behind a service's name or URL; the first of the list where none is given.

    Raises:
        CliError: there is no such service.
    """
    known = urls_on(HOST)
    if service is None:
        return next(iter(known.values()))
    if service in known:
        return known[service]
    if service.startswith(("http://", "https://")):
        with suppress(httpx.InvalidURL, ValueError):
            if urlsplit(service).hostname:
                return str(httpx.URL(service)).rstrip("/")
    raise CliError(
        f"There is no service {service!r}.",
        status=WRONG,
        param="--service",
        hint=f"Give one of {', '.join(known)}, or a URL such as http://spark:8001.",
    )


def address_beside(url: str, one: str, other: str) -> str | None:
    """Where another service of the same machine is, if ``url`` is where the one is.

    On its own port, if the one is; else as far from it as the one: the HTTPS proxy's are 440 above
    (``scripts.write_services.HTTPS_SHIFT``). None where that says nothing.
    """
    at = httpx.URL(url)
    known = {name: httpx.URL(there).port for name, there in urls_on(HOST).items()}
    if at.port is None or not {one, other} <= known.keys():
        return None
    port = known[other] if at.port == known[one] else PORTS[other] + at.port - PORTS[one]
    return str(at.copy_with(port=port)).rstrip("/") if port in range(1, 2**16) else None


class Client:
    """A service. Every method raises CliError where it refuses or does not answer."""

    def __init__(
        self, url: str, key: str | None = None, *, silence: float = SILENCE_SECONDS
    ) -> None:
        self.url = without_password(url)
        """As it may be shown; requests carry the user and the password of a proxy."""
        self._silence = silence
        self._http = httpx.Client(
            base_url=url,
            headers=key_headers(key) if key else {},
            timeout=TIMEOUT,
            verify=_authorities(),
            trust_env=httpx.URL(url).host not in OURSELVES,
            event_hooks={"request": [self._keep_key]},
        )

    def __enter__(self) -> Self:
        """For whoever lives on after it: ``with`` closes its connections."""
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def get(self, path: str, **query: Any) -> Any:
        """The JSON behind a path."""
        return self._ask("GET", path, params=query).json()

    def generate(
        self, body: Json, files: Uploads, key: str | None, path: str = "/generate"
    ) -> Json:
        """Ask for a job; under one key, so that a lost answer makes no second one."""
        headers = {"Idempotency-Key": str(uuid4()) if key is None else key}
        if files:
            form = {name: _as_text(value) for name, value in body.items() if value is not None}
            answer = self._ask("POST", path, data=form, files=files, headers=headers)
        else:
            answer = self._ask("POST", path, json=body, headers=headers)
        found: Json = answer.json()
        return found

    def job(self, job_id: str) -> Json:
        """One job."""
        found: Json = self.get(f"/jobs/{job_id}")
        return found

    def post(self, path: str, body: Json | None = None) -> Json:
        """Ask for something that may be asked twice."""
        found: Json = self._ask("POST", path, json=body).json()
        return found

    def cancel(self, job_id: str) -> Json:
        """Cancel a job; it may need a moment to stop."""
        return self.post(f"/jobs/{job_id}/cancel")

    def keep(self, job_id: str, *, kept: bool) -> Json:
        """Have a job's files stay, or no more."""
        found: Json = self._ask("POST" if kept else "DELETE", f"/jobs/{job_id}/keep").json()
        return found

    def delete(self, job_id: str) -> None:
        """Forget an ended job, and remove its files."""
        self.remove(f"/jobs/{job_id}")

    def remove(self, path: str) -> None:
        """Take away what is behind a path."""
        self._ask("DELETE", path)

    def put(self, path: str, file: BinaryIO) -> Json:
        """Store a file as it is. Read once, so it is sent once."""
        found: Json = self._ask("PUT", path, content=file).json()
        return found

    def events(self, job_id: str, after: str | None) -> Iterator[Event]:
        """What happens to a job, until the stream ends. Raises TransportError where it breaks."""
        headers = {"Last-Event-ID": after} if after else {}
        path = f"/jobs/{job_id}/events"
        timeout = httpx.Timeout(30, read=self._silence)
        with self._http.stream("GET", path, headers=headers, timeout=timeout) as answer:
            if answer.is_error:
                answer.read()
                raise refusal(answer)
            yield from events_of(answer.iter_lines())

    @contextmanager
    def video(self, job_id: str) -> Iterator[httpx.Response]:
        """A finished MP4, to be read in pieces."""
        try:
            path = f"/jobs/{job_id}/download"
            with self._http.stream("GET", path, follow_redirects=True) as answer:
                if answer.is_error:
                    answer.read()
                    raise refusal(answer)
                yield answer
        except httpx.TransportError as exc:
            raise unreachable(self.url, exc) from exc

    def _keep_key(self, request: httpx.Request) -> None:
        """The key is for the service alone, not for a bucket to which it redirects.

        By itself httpx takes no more than Authorization out of what goes elsewhere.
        """
        if _origin(request.url) != _origin(self._http.base_url):
            request.headers.pop("X-API-Key", None)

    def _ask(self, method: str, path: str, **request: Any) -> httpx.Response:
        for left in reversed(range(TRIES)):
            try:
                answer = self._http.request(method, path, **request)
            except httpx.TransportError as exc:
                if left and _may_be_sent_again(method, exc):
                    continue
                raise unreachable(self.url, exc) from exc
            if not answer.is_error:
                break
            error = refusal(answer)
            if not (left and error.body["code"] == "idempotency_key_in_use"):
                raise error
            time.sleep(float(answer.headers.get("retry-after", 1)))  # our own first try
        return answer


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return (url.scheme, url.host, url.port)


def _authorities() -> ssl.SSLContext:
    """Of SSL_CERT_FILE where it is set: for this machine too, which is asked past any proxy."""
    try:
        return httpx.create_ssl_context()
    except OSError as exc:
        raise CliError(
            "SSL_CERT_FILE or SSL_CERT_DIR names no certificates that can be read.",
            status=WRONG,
            hint="docs/cli.md, Through the HTTPS proxy.",
        ) from exc


def _may_be_sent_again(method: str, exc: httpx.TransportError) -> bool:
    """A broken connection, and not one that nobody took or that was waited for long enough.

    All our requests but DELETE may arrive twice: they change nothing, carry a key, or cancel. What
    PUT sends is read only once.
    """
    final = (httpx.ConnectError, httpx.TimeoutException, httpx.UnsupportedProtocol)
    return method not in ("DELETE", "PUT") and not isinstance(exc, final)


def _as_text(value: Any) -> str:
    """As a form has it, where an empty field counts as left out, and a space says nothing."""
    return (value or " ") if isinstance(value, str) else json.dumps(value)
