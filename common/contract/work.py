"""What a request becomes, and what came of it: the parts that every kind of work has.

A kind's own classes add its fields. They are read back from a job's row as the kind's classes.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar, Protocol, Self

from pydantic import BaseModel, ConfigDict, HttpUrl

from common.contract.fields import Priority
from common.contract.left_out import MayBeLeftOut


class WorkRequest(MayBeLeftOut):
    """The body of ``POST /generate``. A kind declares all of its fields, these among them."""

    inline: ClassVar[frozenset[str]] = frozenset()
    """Those that hold a whole file, which no record repeats."""

    if TYPE_CHECKING:  # declared here they would come first, in the description and in errors
        webhook_url: HttpUrl | None
        priority: Priority
        dry_run: bool

    @property
    def may_repeat(self) -> bool:
        """Whether what came of the same request before will do: nothing of it is left to chance."""
        return False

    def recorded(self, **which: Any) -> dict[str, Any]:
        """Its fields as JSON, ``which`` of them as ``model_dump`` has it; no file among them."""
        files = {name for name in self.inline if isinstance(getattr(self, name), str)}
        return self.model_dump(mode="json", exclude=files, **which)

    @property
    def used_jobs(self) -> Mapping[str, str]:
        """Ids of the finished jobs whose files it takes, by the names of its fields."""
        return {}


class Resolved(BaseModel):
    """Exactly what the model makes: every value is set and legal for the checkpoint."""

    model_config = ConfigDict(frozen=True)

    @property
    def uploads(self) -> dict[str, Path]:
        """The input files, by the names of their fields."""
        return {}

    @property
    def needs_model(self) -> bool:
        """Whether the model makes it; what others do alone needs no weights and no GPU."""
        return True

    @property
    def duration(self) -> float:
        """Seconds that the product plays; 0 for one that does not."""
        return 0.0

    @property
    def title(self) -> str:
        """Words that people know it by: of its file's name, and in lists."""
        return ""

    @property
    def output_name(self) -> str | None:
        """What the request calls its main file, as in ``films/a.mp4``; None where it does not."""
        return None

    def with_uploads(self, files: Mapping[str, Path]) -> Self:
        """With other paths in place of its own, by the names that ``uploads`` has."""
        return self.model_copy(update=files)

    def seen_by_model(self, files: Mapping[str, Path]) -> Self:
        """As the model is given it: with the full paths of its ``uploads``."""
        return self.with_uploads(files)


class Adjustment(BaseModel):
    """One value that was not taken as asked, and why."""

    model_config = ConfigDict(frozen=True)

    field: str
    requested: str | float
    resolved: str | float
    reason: str


@dataclass(frozen=True)
class Foreseen:
    """What a dry run shows."""

    request: Any
    """A ``Resolved`` of the kind."""
    notes: tuple[str, ...] = ()
    """What is not shown, and why; for the client."""


@dataclass(frozen=True)
class Resolution:
    """A resolved request, and what had to be changed to get there."""

    request: Any
    """A ``Resolved`` of the kind."""
    adjustments: tuple[Adjustment, ...]
    foresee: "Callable[[Sequence[Upload]], Foreseen] | None" = None
    """For a dry run, where only the files tell what comes of the request: blocks for seconds, and
    raises InvalidRequest where nothing would.
    """


@dataclass(frozen=True)
class Prepared:
    """What becomes of a resolved request in the worker, before it is made.

    It is recorded first, so that whoever makes the job after a crash makes the same.
    """

    changes: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the ``Resolved`` that are new."""
    adjustments: tuple[Adjustment, ...] = ()
    """What is said of it besides."""


class JobResult(BaseModel):
    """What was made, as it is recorded. ``folder`` holds the kind's files and manifest.json."""

    model_config = ConfigDict(frozen=True)

    folder: str
    size_bytes: int
    """Of what the job was for."""
    file: str | None = None
    """The name of that, where the kind has several; None: the first of its files."""
    checkpoint: str
    revision: str
    stands_in_for: str | None = None
    timings: dict[str, float] = {}
    """Seconds by phase; its part of those that were shared."""
    fused: int = 1
    """How many jobs were denoised together, this one included."""
    fingerprint: str | None = None
    """Names all that decided it; None where nobody can tell. See ``Fingerprints``."""
    cached_from: str | None = None
    """The job that had made the same before, and whose files were taken."""


class ResultShown(BaseModel):
    """What clients read of a result; a kind's own class has the fields."""


class ClipShown(BaseModel):
    """What the manifest of a batch says of a finished job; likewise."""


class SentFile(Protocol):
    """A file that a client sent, whole and on disk or in memory."""

    @property
    def file(self) -> BinaryIO: ...
    @property
    def size(self) -> int | None: ...


@dataclass(frozen=True)
class Finished:
    """A finished job that another one uses."""

    job_id: str
    path: Path
    """Of its main file, which may go at any moment."""
    result: Mapping[str, Any]
    """What was made, as its kind recorded it."""


class Media(Protocol):
    """What is known of an upload before the job."""

    field: ClassVar[str]
    """Of the request: where it came in."""
    told_apart: ClassVar[bool]
    """Whether the same file in another field would mean something else."""

    @property
    def name(self) -> str:
        """Of the stored file: named after the job, never by the client."""


@dataclass(frozen=True)
class Upload:
    """A checked upload: as sent, and what it is."""

    file: BinaryIO | Path
    """A path is that of a finished job's file."""
    media: Any
    """A ``Media`` of the kind."""
    summary: str | None
    """Its format and size, for the record of what was asked; None leaves what the field says."""


@dataclass(frozen=True)
class Work:
    """What a job has to do, for the estimates."""

    cost: float
    """Operations, by the model's own formula."""
    size: int
    """Of all that is made, in the kind's own unit; of videos, pixels of all frames."""
    steps: int
    """Denoising steps; 1 where a kind has none."""
    way: str = ""
    """How it is made where that changes what an operation takes, by no formula: learnt apart."""


Medias = Sequence[Any]
"""``Media`` of the kind, in the order of its upload fields."""
