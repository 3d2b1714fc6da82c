"""``/auth/session``: a browser shows its key once and has a cookie from then on."""

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, ConfigDict, Field

from common.api.auth.access import COOKIE, Access, access_of, caller_of
from common.api.auth.caller import NOBODY, Caller, Scope
from common.api.bodies.json_text import StrictRoute
from common.api.door.callers import address
from common.api.routes.views import ErrorView
from common.base.errors.access import Unauthenticated

router = APIRouter(prefix="/auth/session", tags=["Session"], route_class=StrictRoute)


class LoginBody(BaseModel):
    """A key, to be shown once."""

    model_config = ConfigDict(extra="forbid")

    api_key: str = Field(min_length=1, max_length=512)


class SessionView(BaseModel):
    """Who you are here."""

    required: bool = Field(description="Whether a key is needed at all.")
    user: str | None = Field(description="Null without a key, and where none is needed.")
    scopes: list[Scope] = Field(description="What you may do.")


@router.post(
    "",
    responses={
        401: {"model": ErrorView, "description": "The key is not known."},
        403: {"model": ErrorView, "description": "A page of another site asked."},
    },
    summary="Log a browser in",
)
async def log_in(body: LoginBody, request: Request, response: Response) -> SessionView:
    """Answer a cookie that stands for the key until it expires or the key is removed.

    Programs need none: they send the key itself, as `Authorization: Bearer` or `X-API-Key`.
    """
    access = access_of(request)
    if not access.authenticator.required:
        return _view(access, caller_of(request))
    try:
        entry = access.authenticator.entry(body.api_key)
    except Unauthenticated:
        await access.failures.note(address(request.scope))
        raise
    sessions = access.authenticator.sessions
    response.set_cookie(
        COOKIE,
        sessions.issue(entry),
        max_age=int(sessions.lifetime_seconds),
        secure=_is_https(request),
        httponly=True,
        samesite="strict",
    )
    return _view(access, entry.caller)


@router.get("", summary="Who am I?")
async def who_am_i(request: Request) -> SessionView:
    """Whether a key is needed, and whose key or cookie came along."""
    return _view(access_of(request), caller_of(request))


@router.delete("", status_code=204, summary="Log a browser out")
async def log_out(request: Request, response: Response) -> None:
    """Take the cookie back; it is good no more, whoever has a copy of it."""
    cookie = request.cookies.get(COOKIE)
    if cookie is not None:
        authenticator = access_of(request).authenticator
        await run_in_threadpool(authenticator.sessions.end, cookie, authenticator.ring())
    response.delete_cookie(COOKIE, secure=_is_https(request), httponly=True, samesite="strict")


def _view(access: Access, caller: Caller) -> SessionView:
    return SessionView(
        required=access.authenticator.required,
        user=None if caller == NOBODY else caller.name or None,
        scopes=[scope for scope in Scope if scope in caller.scopes],
    )


def _is_https(request: Request) -> bool:
    """A proxy's word is good enough: who lies here makes his own browser drop its own cookie."""
    return "https" in (request.url.scheme, request.headers.get("x-forwarded-proto"))
