"""Errors of the door: which host was meant, who asks, from where, how often, and at what pace.

VideosDGXError
├── InvalidHost             400  the Host header is none of ours
├── Unauthenticated         401  no key, or a wrong one
│   └── TokenExpired        401
├── Forbidden               403  the caller's scope does not reach
│   └── CrossOrigin         403  another site's page asks
├── RateLimited             429  too many requests a minute, with seconds to wait
├── SlowBody                408  a body that does not come
└── BodiesUnderWay          503  too many bytes of bodies at once, with seconds to wait
"""

from common.base.errors.tree import VideosDGXError


class InvalidHost(VideosDGXError):
    """The request names a host that this service does not answer for (DNS rebinding)."""

    code = "invalid_host"
    status = 400


class Unauthenticated(VideosDGXError):
    """No key or token came along, or a wrong one."""

    code = "unauthenticated"
    status = 401

    def __init__(self, message: str, *, presented: bool, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        # RFC 6750, section 3: the error is named where something was presented.
        error = ', error="invalid_token"' if presented else ""
        self.headers = {"WWW-Authenticate": f'Bearer realm="videosdgx"{error}'}


class TokenExpired(Unauthenticated):
    """The token was good once."""

    code = "token_expired"


class Forbidden(VideosDGXError):
    """The caller is known, and may not do this."""

    code = "forbidden"
    status = 403


class CrossOrigin(Forbidden):
    """A browser sends this for a page of another site, in the name of its user."""

    code = "cross_origin"


class RateLimited(VideosDGXError):
    """More than ``RATE_LIMIT_PER_MINUTE`` requests for jobs."""

    code = "rate_limited"
    status = 429


class SlowBody(VideosDGXError):
    """The body stalled, or comes by the byte."""

    code = "slow_body"
    status = 408


class BodiesUnderWay(VideosDGXError):
    """A caller, or all of them together, send more at once than there is room for."""

    code = "bodies_under_way"
    status = 503
    retry_after = 10
    told = True  # it is the door's ordinary work, and a stranger could fill the log with it
