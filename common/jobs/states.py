"""The life of a job: its states, and the one table of legal moves between them."""

from enum import StrEnum


class JobState(StrEnum):
    """Where a job is. The last three are ends."""

    QUEUED = "queued"
    WAITING = "waiting"
    """Claimed by a worker; waits for memory or for its GPU turn."""
    LOADING = "loading"
    RUNNING = "running"
    CANCELLING = "cancelling"
    """Cancelled by the client; the worker has not confirmed yet that the GPU is free."""
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Event(StrEnum):
    """What can happen to a job."""

    CLAIM = "claim"
    WAIT = "wait"
    LOAD = "load"
    RUN = "run"
    RELEASE = "release"
    CANCEL = "cancel"
    COMPLETE = "complete"
    FAIL = "fail"


ENDED = frozenset({JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED})
CLAIMED = frozenset({JobState.WAITING, JobState.LOADING, JobState.RUNNING, JobState.CANCELLING})
UNFINISHED = CLAIMED | {JobState.QUEUED}
_ACTIVE = CLAIMED - {JobState.CANCELLING}

_MOVES: dict[Event, dict[JobState, JobState]] = {
    Event.CLAIM: {JobState.QUEUED: JobState.WAITING},
    Event.WAIT: dict.fromkeys(_ACTIVE, JobState.WAITING),
    Event.LOAD: {JobState.WAITING: JobState.LOADING},
    Event.RUN: dict.fromkeys(_ACTIVE, JobState.RUNNING),
    Event.RELEASE: dict.fromkeys(_ACTIVE, JobState.QUEUED)
    | {JobState.CANCELLING: JobState.CANCELLED},
    Event.CANCEL: dict.fromkeys(_ACTIVE, JobState.CANCELLING)
    | {JobState.CANCELLING: JobState.CANCELLING, JobState.QUEUED: JobState.CANCELLED},
    Event.COMPLETE: dict.fromkeys(_ACTIVE, JobState.COMPLETED),
    Event.FAIL: dict.fromkeys(_ACTIVE, JobState.FAILED) | {JobState.CANCELLING: JobState.CANCELLED},
}


def moves(event: Event) -> dict[JobState, JobState]:
    """Answer what ``event`` makes of each state; a state that is absent does not allow it.

    A cancelled job that completes all the same stays cancelled (its file goes), one that fails
    or is released ends cancelled.
    """
    return _MOVES[event]
