"""What goes wrong on the command line, and the exit status that says so to a script."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

FAILED = 1
"""The job failed or was cancelled; a service is not well."""
WRONG = 2
"""The command itself is wrong."""
UNREACHABLE = 3
"""No service answers."""
REFUSED = 4
"""The service refused; its error says why."""
INTERRUPTED = 130
"""Ctrl+C, as shells have it."""
_AWAY = (502, 503, 504)
"""Of a service that restarts, cannot reach its database, or has a proxy before it that says so."""


class CliError(Exception):
    """Shown as a message, the field and the way out; never as a traceback."""

    def __init__(
        self, message: str, *, status: int, passing: bool = False, **details: str | None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.passing = passing
        """It may be otherwise in a moment."""
        self.body = {"code": "cli_error", "param": None, "hint": None, **details}
        self.body["message"] = message


def refusal(answer: httpx.Response) -> CliError:
    """The error of a service, in its own words where it has any."""
    error = _error_of(answer)
    message = str(error.get("message") or f"The service answered {answer.status_code}.")
    details = {name: error.get(name) for name in ("code", "param", "hint")}
    return CliError(message, status=REFUSED, passing=answer.status_code in _AWAY, **details)


@contextmanager
def refusals() -> Iterator[None]:
    """What is refused here, without a service, becomes an error of the command.

    Raises:
        CliError: in place of a VideosDGXError.
    """
    from common.base.errors import VideosDGXError  # most commands need nothing of common

    try:
        yield
    except VideosDGXError as exc:
        details = exc.body.model_dump(include={"code", "param", "hint"})
        raise CliError(exc.body.message, status=REFUSED, **details) from exc


def unreachable(url: str, exc: httpx.TransportError) -> CliError:
    """Nobody answers, or not in time, or somebody whom nobody vouches for."""
    if _is_stranger(exc):
        return CliError(
            f"The certificate of {url} is not trusted here.",
            status=UNREACHABLE,
            code="certificate_not_trusted",
            hint="SSL_CERT_FILE names a file with its authority: docs/cli.md.",
        )
    late = isinstance(exc, httpx.TimeoutException)
    return CliError(
        f"{url} {'does not answer in time' if late else 'does not answer'}.",
        status=UNREACHABLE,
        passing=True,
        code="unreachable",
        hint="`videosdgx health` shows all services; --service or VIDEOSDGX_URL names one.",
    )


def _is_stranger(exc: BaseException | None) -> bool:
    while exc is not None and not isinstance(exc, ssl.SSLCertVerificationError):
        exc = exc.__cause__ or exc.__context__
    return exc is not None


@contextmanager
def hinting(words: str) -> Iterator[None]:
    """What goes wrong within says this too: the job is there, whatever became of us."""
    try:
        yield
    except CliError as exc:
        exc.body["hint"] = " ".join(filter(None, (exc.body["hint"], words)))
        raise


def _error_of(answer: httpx.Response) -> dict[str, Any]:
    try:
        error = answer.json()["error"]
    except (ValueError, KeyError, TypeError):
        return {}
    return error if isinstance(error, dict) else {}
