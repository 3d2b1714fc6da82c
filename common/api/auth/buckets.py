"""Rate limits: a token bucket for each caller, in memory.

A bucket holds a minute's requests and fills evenly: a burst is fine, a stream is held to the rate.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from common.base.errors.access import RateLimited

WINDOW_SECONDS = 60
_ROUNDING = 1e-6
"""What floating-point numbers may be off by."""
MAX_BUCKETS = 10_000
"""Beyond so many callers those whose bucket is full again are forgotten, which changes nothing."""


@dataclass(frozen=True)
class Allowance:
    """What a caller has left, in the words of draft-ietf-httpapi-ratelimit-headers-10."""

    quota: int
    remaining: int
    reset_seconds: int
    """Until one more may be sent, where none remains, else until all may."""

    @property
    def headers(self) -> dict[str, str]:
        """``RateLimit-Policy`` and ``RateLimit``; the policy is called ``jobs``."""
        return {
            "RateLimit-Policy": f'"jobs";q={self.quota};w={WINDOW_SECONDS}',
            "RateLimit": f'"jobs";r={self.remaining};t={self.reset_seconds}',
        }


class Buckets:
    """``per_minute`` requests for each name. Seconds of a monotonic clock."""

    def __init__(
        self,
        per_minute: int,
        things: str = "jobs",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``things`` are what is asked for, in the words of a refusal."""
        self._size = per_minute
        self._things = things
        self._pace = per_minute / WINDOW_SECONDS
        self._clock = clock
        self._full_at: dict[str, float] = {}
        """When each bucket will be full; those that are need no entry."""

    def take(self, name: str) -> Allowance:
        """Count one request.

        Raises:
            RateLimited: there is none left; ``Retry-After`` says when there will be.
        """
        now = self._clock()
        full_at = max(now, self._full_at.get(name, now)) + 1 / self._pace
        left = self._size - (full_at - now) * self._pace
        if left < -_ROUNDING:
            raise self._refusal(_whole(-left / self._pace))
        self._full_at[name] = full_at
        self._forget(now)
        remaining = int(left + _ROUNDING)
        wait = full_at - now if remaining else (1 - left) / self._pace
        return Allowance(self._size, remaining, _whole(wait))

    def _refusal(self, wait_seconds: int) -> RateLimited:
        error = RateLimited(
            f"More than {self._size} requests for {self._things} in a minute.",
            hint=f"Try again in {wait_seconds} s, or raise RATE_LIMIT_PER_MINUTE.",
        )
        allowance = Allowance(self._size, 0, wait_seconds)
        error.headers = {"Retry-After": str(wait_seconds)} | allowance.headers
        return error

    def _forget(self, now: float) -> None:
        if len(self._full_at) > MAX_BUCKETS:
            self._full_at = {name: at for name, at in self._full_at.items() if at > now}


def _whole(seconds: float) -> int:
    return math.ceil(seconds - _ROUNDING)
