"""What answers look like."""

import httpx

from tests.live import LiveService


def error_of(answer: httpx.Response) -> dict[str, str]:
    """The body of an error, which has the one shape that all have."""
    body = answer.json()
    assert set(body) == {"error"}, body
    assert set(body["error"]) == {"code", "message", "param", "hint"}
    assert body["error"]["message"]
    error: dict[str, str] = body["error"]
    return error


def events_of(service: LiveService, path: str, **headers: str) -> list[dict[str, str]]:
    """A whole stream of server-sent events: it ends by itself."""
    found: list[dict[str, str]] = []
    with service.client.stream("GET", path, headers=headers) as stream:
        assert stream.status_code == 200
        assert stream.headers["content-type"].startswith("text/event-stream")
        event: dict[str, str] = {}
        for line in stream.iter_lines():
            name, _, value = line.partition(": ")
            if name:
                event[name] = value
            elif event:
                found.append(event)
                event = {}
    return found
