"""Errors of the queue's entrance: no room, and keys by which a request is made once.

VideosDGXError
├── QueueFull               429  with seconds to wait
│   └── TooManyJobs         429  of one caller
├── Busy                    503  too much of a kind is under way, with seconds to wait
├── KeyInUse                409  an Idempotency-Key whose first request is not answered yet
└── KeyReused               422  an Idempotency-Key that came with another request before
"""

from common.base.errors.tree import VideosDGXError


class QueueFull(VideosDGXError):
    """``MAX_QUEUE`` jobs are unfinished already. ``retry_after`` is in seconds."""

    code = "queue_full"
    status = 429

    def __init__(self, message: str, *, retry_after: int, hint: str | None = None) -> None:
        self.retry_after = retry_after
        super().__init__(message, hint=hint)


class TooManyJobs(QueueFull):
    """``MAX_JOBS_PER_KEY`` jobs of this caller are unfinished already."""

    code = "too_many_jobs"


class Busy(VideosDGXError):
    """As much of this kind is under way as may be, of this caller or in all."""

    code = "busy"
    status = 503
    retry_after = 10
    told = True
    """Nothing is wrong with the service."""


class KeyInUse(VideosDGXError):
    """A request with the same Idempotency-Key is under way."""

    code = "idempotency_key_in_use"
    status = 409
    retry_after = 1


class KeyReused(VideosDGXError):
    """The Idempotency-Key belongs to another request."""

    code = "idempotency_key_reused"
    status = 422
