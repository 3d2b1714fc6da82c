"""What answers look like."""

import httpx


def error_of(answer: httpx.Response) -> dict[str, str]:
    """The body of an error, which has the one shape that all have."""
    body = answer.json()
    assert set(body) == {"error"}, body
    assert set(body["error"]) == {"code", "message", "param", "hint"}
    assert body["error"]["message"]
    error: dict[str, str] = body["error"]
    return error
