"""Errors leave through here: one shape for clients (OpenAI's below /v1), one log line."""

import errno
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from common.api.door.event_ids import NothingMore
from common.api.door.openai_errors import openai_answer, speaks_openai
from common.api.door.openapi import methods_at
from common.base.errors import INFRASTRUCTURE, ErrorBody, InvalidRequest, VideosDGXError
from common.base.errors.queue import Busy
from common.base.logs import get_logger
from common.base.threads import no_threads_left
from common.contract.words_of_errors import words_of

log = get_logger("api")

CLIENT_CLOSED_REQUEST = 499
"""For the meters: nginx's number, since HTTP has none."""

_HINTS = {
    "cursor": "Send next_cursor of the page before as it is, or leave cursor out.",
    "body": "Send a JSON object, with Content-Type: application/json.",
}


def install(app: FastAPI) -> None:
    """Make every error an ``ErrorBody``."""
    app.add_exception_handler(VideosDGXError, _ours)
    app.add_exception_handler(RequestValidationError, _parameters)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(ClientDisconnect, _gone)
    app.add_exception_handler(NothingMore, _seen)
    app.add_exception_handler(OSError, _disk)
    app.add_exception_handler(RuntimeError, _threads)
    app.add_exception_handler(Exception, _unexpected)


def _answer(
    request: Request, status: int, body: ErrorBody, headers: dict[str, str] | None = None
) -> JSONResponse:
    if speaks_openai(request.url.path):
        return openai_answer(status, body, headers)
    return JSONResponse({"error": body.model_dump()}, status, headers)


async def _ours(request: Request, exc: Exception) -> JSONResponse:
    assert isinstance(exc, VideosDGXError)  # noqa: S101  # registered for this type
    if isinstance(exc, INFRASTRUCTURE) and not exc.told:  # it heals; where we met it says nothing
        cause = str(exc.__cause__ or "")
        log.warning("request refused", extra={"reason": exc.body.message, "cause": cause})
    elif exc.status >= 500 and not exc.told:
        log.error("request failed", exc_info=exc, extra={"code": exc.code})
    return refusal(request, exc)


def refusal(request: Request, exc: VideosDGXError) -> JSONResponse:
    """The answer that an error is, in the vocabulary of the request's path."""
    return _answer(request, exc.status, exc.body, exc.headers)


async def _disk(request: Request, exc: Exception) -> JSONResponse:
    """A disk that fails is no fault of the code: it is named, and heals."""
    assert isinstance(exc, OSError)  # noqa: S101  # registered for this type
    if exc.errno in (errno.EMFILE, errno.ENFILE):
        return _no_descriptor(request, exc)
    service = request.app.state.service
    error = await service.volumes.now_unwell(anew=True) or service.volumes.blamed(exc)
    if error is None:
        return await _unexpected(request, exc)
    log.warning("a disk failed", extra={"reason": error.body.message, "errno": exc.errno})
    return refusal(request, error)


def _no_descriptor(request: Request, exc: OSError) -> JSONResponse:
    """Nor is a process that has as many files and connections open as it may."""
    log.warning("no descriptor for a request", extra={"errno": exc.errno})
    error = Busy(
        "Too many files and connections are open here.",
        hint="Ask again shortly. If you run the service, raise ulimit -n.",
    )
    return refusal(request, error)


async def _threads(request: Request, exc: Exception) -> JSONResponse:
    """A machine without a thread to give is no fault of the code either."""
    error = no_threads_left(exc)
    if error is None:
        raise exc
    log.warning("no thread for a request", extra={"reason": error.body.message})
    return refusal(request, error)


async def _parameters(request: Request, exc: Exception) -> JSONResponse:
    assert isinstance(exc, RequestValidationError)  # noqa: S101  # registered for this type
    first = exc.errors()[0]
    param = next(part for part in reversed(first["loc"]) if isinstance(part, str))
    body = ErrorBody(
        code="invalid_request",
        message=f"{param}: {words_of(first)}.",
        param=param,
        hint=_HINTS.get(param, "See /docs for every parameter and its range."),
    )
    return _answer(request, 422, body)


async def _http(request: Request, exc: Exception) -> JSONResponse:
    assert isinstance(exc, HTTPException)  # noqa: S101  # registered for this type
    if isinstance(exc.__cause__, VideosDGXError):  # ours, met by FastAPI while it read the body
        return await _ours(request, exc.__cause__)
    headers = dict(exc.headers or {})
    if exc.status_code == 400:  # the body is no text, or its form is broken
        body = InvalidRequest("The body cannot be read.", hint="Send JSON in UTF-8.").body
        return _answer(request, 422, body)
    if exc.status_code == 405:
        methods = await run_in_threadpool(methods_at, request.app, request.url.path)
        headers["Allow"] = ", ".join(methods)
    codes = {404: "not_found", 405: "method_not_allowed"}
    body = ErrorBody(
        code=codes.get(exc.status_code, "http_error"),
        message=f"{request.method} {request.url.path}: {HTTPStatus(exc.status_code).phrase}.",
        hint="GET / lists the routes.",
    )
    return _answer(request, exc.status_code, body, headers)


async def _gone(request: Request, _exc: Exception) -> Response:
    """The client went away in the middle of its body: nobody reads the answer, nothing is wrong."""
    log.info("a client has gone", extra={"path": request.url.path})
    return Response(status_code=CLIENT_CLOSED_REQUEST)


async def _seen(_request: Request, _exc: Exception) -> Response:
    """No error: a browser that follows a stream stops asking at this one status."""
    return Response(status_code=204)


async def _unexpected(request: Request, exc: Exception) -> JSONResponse:
    log.error("unexpected error", exc_info=exc, extra={"path": request.url.path})
    body = ErrorBody(
        code="internal_error",
        message="Something went wrong on our side.",
        hint="The service's log has the details.",
    )
    return _answer(request, 500, body)
