"""Where files of finished jobs go besides the disk: a bucket, and the outbox of what is owed it.

What is owed is a row that is made in the transaction that ends its job, as a webhook's delivery is:
a job whose end is on disk has its upload on disk too, and never two, since the row's key is the
job. Nothing here talks to a bucket: ``common.publishing.bucket`` does.
"""

import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from pydantic import BaseModel, ConfigDict

LEASE_SECONDS = 10.0
"""An errand whose process died is taken again after so long."""


class StoredState(StrEnum):
    """Whether a bucket has a job's files."""

    PENDING = "pending"
    UPLOADED = "uploaded"


class Act(StrEnum):
    """What is owed."""

    STORE = "store"
    REMOVE = "remove"


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class Named(_Record):
    """The one file that is not in a job's folder of the bucket: its request has named it."""

    file: str
    """In the folder on disk."""
    key: str


class Stored(_Record):
    """Which objects are a job's: those below ``folder``, which ends with a slash."""

    state: StoredState
    bucket: str
    folder: str
    named: Named | None = None
    refused: str | None = None
    """The key that the request had named: another object has it, and none is replaced."""

    def key_of(self, file: str) -> str:
        """Of one of the job's files."""
        if self.named is not None and self.named.file == file:
            return self.named.key
        return self.folder + file


@dataclass(frozen=True)
class Place:
    """Where the objects of a service's jobs go."""

    bucket: str
    prefix: str
    """Is empty, or ends with a slash."""
    keep_local: bool = True
    """Whether files stay on disk too."""

    def pending(self, model: str, job_id: str, named: Named | None = None) -> Stored:
        """What is said of a job that has just been completed."""
        folder = f"{self.prefix}{model}/{job_id}/"
        return Stored(state=StoredState.PENDING, bucket=self.bucket, folder=folder, named=named)

    def key_named(self, owner: str, name: str) -> str:
        """The key of what an owner has named: each has a folder, and learns of no other's names."""
        return f"{self.prefix}{_folder_of(owner)}{name}"


_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]*")


def _folder_of(owner: str) -> str:
    """Names of keys are plain; those in tokens may be anything. Without keys there is no owner."""
    if not owner or _PLAIN.fullmatch(owner):
        return owner and f"{owner}/"
    return f"~{hashlib.sha256(owner.encode()).hexdigest()[:32]}/"


class Errand(_Record):
    """One thing that is owed a bucket, taken for a while."""

    job: str
    act: Act
    bucket: str
    folder: str
    local: str
    """The job's folder in the outputs."""
    attempts: int
    """That failed."""
    file: str | None = None
    """Of those in ``local``, the one that has a key of its own, since the request has named it."""
    key: str | None = None


class Uploads(Protocol):
    """Errands that survive anything; the errors are those of ``common.jobs.store.JobStore``."""

    def claim_upload(self, lease_seconds: float) -> Errand | None:
        """Take the errand that is due first; nobody else gets it for ``lease_seconds``."""

    def renew_upload(self, errand: Errand, lease_seconds: float) -> bool:
        """Keep it for longer. False: the job was removed meanwhile, and its objects must go."""

    def postpone_upload(self, errand: Errand, seconds: float) -> None:
        """It failed; it is tried again after so many seconds."""

    def uploaded(self, errand: Errand, *, refused: bool = False) -> bool:
        """The bucket has all of it. Answers whether the files on disk may go.

        ``refused``: another object has the key of its own, and its file lies with the others.

        Said of the row already, as ``Retention.expire`` does: not of files that somebody keeps.
        """

    def give_up_upload(self, errand: Errand) -> None:
        """There is nothing to upload any more: somebody took the files away."""

    def objects_removed(self, errand: Errand) -> None:
        """The bucket has nothing more of a removed job."""

    def brought_back(self, job_id: str, seconds: float) -> bool:
        """The files of a job are on disk again, for so long at least. False: it was removed."""

    def hasten_uploads(self) -> int:
        """Make due what lies further ahead than anything is ever put: the clock was put back."""

    def count_uploads(self) -> int:
        """How many errands are due, under way or have failed.

        Without those of files that were brought back, as long as these stay.
        """
