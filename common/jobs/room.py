"""How many more jobs are accepted: of everybody, and of one owner."""

from dataclasses import dataclass

from common.base.errors.queue import QueueFull, TooManyJobs
from common.jobs.model import NewJob

RETRY_AFTER_SECONDS = 30


@dataclass
class Room:
    """Counts along while jobs are accepted, inside the transaction that accepts them."""

    max_unfinished: int
    max_of_owner: int
    """0: as many as there is room for."""
    unfinished: int
    unfinished_of: dict[str, int]

    def refusal_of_all(self, count: int) -> QueueFull | None:
        """Why so many together have no room; whose they are is not looked at."""
        left = max(0, self.max_unfinished - self.unfinished)
        if count <= left:
            return None
        return QueueFull(
            f"{count} jobs do not fit: the queue has room for {left}.",
            retry_after=RETRY_AFTER_SECONDS,
            hint="Try again later, or raise MAX_QUEUE.",
        )

    def refusal(self, job: NewJob) -> QueueFull | None:
        """Why there is no room for this job; None where there is, and then it is taken."""
        own = self.unfinished_of.get(job.owner, 0)
        if self.unfinished >= self.max_unfinished:
            return QueueFull(
                f"{self.max_unfinished} jobs are waiting already.",
                retry_after=RETRY_AFTER_SECONDS,
                hint="Try again later, or raise MAX_QUEUE.",
            )
        if self.max_of_owner and own >= self.max_of_owner:
            return TooManyJobs(
                f"{own} jobs of yours are unfinished already, and a key may have"
                f" {self.max_of_owner}.",
                retry_after=RETRY_AFTER_SECONDS,
                hint="Wait for one to end or cancel one, or raise MAX_JOBS_PER_KEY.",
            )
        self.unfinished += 1
        self.unfinished_of[job.owner] = own + 1
        return None
