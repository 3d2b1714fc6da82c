"""What was made before, for who asks for the same again."""

from typing import Protocol

from common.jobs.model import Job

HOLDER = "request cache"
"""Holds a job that was accepted to get the files of another. No worker has this name: what is left
undone is taken back as from another machine's, after ``LEASE_SECONDS``."""


def is_held(job: Job) -> bool:
    """Whether a job was accepted to get the files of another, and has not got them yet."""
    return job.worker == HOLDER


class Repeats(Protocol):
    """A store that knows what its jobs were made of."""

    def made_before(self, owner: str, fingerprint: str) -> Job | None:
        """The owner's newest job of this ``JobResult.fingerprint`` that still has its files."""
