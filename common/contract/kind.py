"""A kind of work: what a client may ask, what that becomes, and what is published.

The job table, the worker, the memory pool, the routes and the rest of the core know this protocol
and no kind. A model's SPEC names its kind. Parts that only one process needs are imported when they
are asked for: the worker never reads requests, the API process never encodes.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from common.base.settings import Settings
from common.contract.variants import Checkpoint, Variant
from common.contract.work import (
    ClipShown,
    Finished,
    JobResult,
    Medias,
    Prepared,
    Resolution,
    Resolved,
    ResultShown,
    SentFile,
    Upload,
    Work,
    WorkRequest,
)

MAIN_ROUTE = "download"
"""Below ``/jobs/{id}/``: of what a job was for."""


@dataclass(frozen=True)
class PublishedFile:
    """A file of a finished job's folder. The first of a kind's files is what the job was for.

    Where that depends on the job, several have the route ``download``: the result's ``file`` names
    the one that there is.
    """

    name: str
    media_type: str
    noun: str = "file"
    """For people: "MP4"."""
    route: str | None = None
    """Below ``/jobs/{id}/``; None where no route answers it. Of a kind's first it is ``download``.
    """
    summary: str = ""
    """Of the route, in the description of the API."""
    description: str = ""
    optional: bool = False
    """It may be missing: the result says so by ``told_by``, and the link is null."""
    told_by: str | None = None
    """A field of the result; None: ``has_<route>``."""
    missing: str = ""
    """What is said of it then."""

    def made(self, result: JobResult | None) -> bool:
        """Whether a job has it; one without a result may get it."""
        if result is None:
            return True
        if self.route == MAIN_ROUTE and result.file is not None:
            return self.name == result.file
        return bool(getattr(result, self.told_by or f"has_{self.route}", True))


@dataclass(frozen=True)
class Making:
    """One job between the model's product and its files, in the worker."""

    job_id: str
    model: str
    request: Any
    """The kind's ``Resolved``, as it is recorded: uploads by their names."""
    checkpoint: Checkpoint
    folder: Path
    """Where the files go; nobody sees them before all are there."""
    inputs: Path
    """Where the uploads are that ``request`` names."""
    look: Callable[[], None]
    """Call it often. Raises JobCancelled, JobReleased."""
    model_done: Callable[[], None]
    """Call it once nothing more is drawn from the model: the GPU is another's from then on."""
    progress: Callable[..., None]
    """Of a phase, and of its ``step`` and ``steps`` where those are known: a sign of life."""


class Intake(Protocol):
    """What one service takes in: its kind, for its checkpoint, under its operator's settings."""

    def look(
        self,
        request: Any,
        files: Mapping[str, SentFile],
        job_id: str,
        finished: Mapping[str, Finished],
    ) -> Callable[[], tuple[Upload, ...]] | None:
        """How to look at the uploads of a request; None where it has none. Blocks when called.

        ``request`` is None for files that several requests share. ``finished`` are the jobs that
        it uses, by its ``used_jobs``.

        Raises:
            InvalidRequest: they do not go together; when called, one is not what it should be.
        """

    async def resolve(self, request: Any, uploads: Medias) -> Resolution:
        """What the model makes of a request.

        Raises:
            InvalidRequest: naming the field, the limit and the way out.
        """


class Preparer(Protocol):
    """What a kind does about a job in the worker before it needs memory or the GPU."""

    def prepare(self, request: Any, inputs: Path, wait: Callable[[str], None]) -> Prepared | None:
        """What becomes of a resolved request; None where it stays as it is.

        ``inputs`` is the folder of its uploads. ``wait`` says for what it waits. Call it often: it
        raises JobCancelled, JobReleased.
        """


class Publisher(Protocol):
    """Turns the model's products into files. One for each worker."""

    def publish(self, product: Any, making: Making) -> JobResult:
        """Consume the product, write the kind's files, say what was made.

        Timings, and how many were made together, are added to the answer.

        Raises:
            EncodingFailed: the product is not what it should be.
            JobCancelled, JobReleased: from ``making.look``.
        """


class Kind(Protocol):
    """See above. Everything here is one object without state, shared by all jobs."""

    name: str
    """Is stored with each job."""
    noun: str
    """What a job makes, for people: "video"."""
    less: str
    """What to ask for where memory is short: "a lower resolution or fewer frames"."""
    sized_by: str
    """The field of a request that decides most of the memory that a job needs."""

    request: type[WorkRequest]
    """The body of ``POST /generate``."""
    uploads: Mapping[str, str]
    """Files that a form may bring beside the fields, and what they are, for the description."""
    option_bodies: frozenset[str]
    """Titles of bodies, its routers' too, whose ``options`` are the model's own."""
    batch_examples: Mapping[str, Any]
    """Of bodies of ``POST /generate/batch``, for the description."""

    resolved: type[Resolved]
    nothing: Resolved
    """Stands for one that cannot be read."""
    result: type[JobResult]
    result_view: type[ResultShown]
    """What clients read of a result, by the same names."""
    clip_view: type[ClipShown]
    """What a batch's manifest says of a finished job: fields of it, its request, its result."""

    files: tuple[PublishedFile, ...]
    takes: Mapping[str, str] = {}
    """Other kinds whose finished jobs its own may use, and how their main files are called."""
    routers: tuple[str, ...]
    """Addresses, ``module:NAME``, of FastAPI routers of its own, in the order of matching."""
    routes: Mapping[str, str]
    """Those of them that ``GET /`` names, and what they are for."""
    creating: tuple[str, ...]
    """Regular expressions of their paths that make jobs, by POST, and answer with the job: the rate
    limit counts them, and steps of pipelines are sent there."""
    waiting: tuple[str, ...] = ()
    """Of those that answer with what was made: no step can be one."""
    tags: tuple[Mapping[str, str], ...]
    """Of those routers, for the description of the API."""
    page: Path
    """Its part of the page at /ui: a folder with a ``kind.js``; see ``work.js`` of the page."""

    def bounded(self, variant: Any, settings: Settings) -> Any:
        """The checkpoint with the operator's own limits, where those are narrower."""

    def page_limits(self, settings: Settings) -> Mapping[str, int]:
        """What its part of the page checks before megabytes travel."""

    def intake(self, model: str, options: Any, variant: Any, settings: Settings) -> Intake:
        """For the API process. ``options``: the class of the model's own ones."""

    def publisher(self, settings: Settings) -> Publisher:
        """For the worker."""

    def preparer(self, variant: Any, settings: Settings) -> Preparer | None:
        """For the worker; None where nothing happens before a job is made."""
        del variant, settings
        return None

    def usual(self, variant: Any) -> Iterator[Any]:
        """Jobs that say nothing, the plain one first: what a service must have memory for."""

    def shape(self, request: Any) -> str:
        """All that decides a job's peak of memory; words and seeds do not."""

    def beside(self, request: Any) -> int:
        """Bytes that making its files takes, on top of what the model takes."""
        del request
        return 0

    def smaller(self, variant: Any, request: Any) -> Iterator[Iterator[tuple[str, Any]]]:
        """Ways to ask for less: along each, how to say it, and the request, the largest first."""

    def work(self, request: Any, cost: float) -> Work:
        """What there is to do, for the estimates; ``cost`` by the model's own formula."""

    def decisive(self, request: Any, settings: Settings) -> Mapping[str, Any] | None:
        """What of a request decides the product, as JSON; None where two never come out the same.

        Its uploads are not a part of it: they count by their content, which others look at.
        """
        del request, settings
        return None

    def together(self, request: Any) -> str | None:
        """Names what must be equal in a fused batch; None where a job is made alone."""


def main_file(kind: Kind, result: JobResult | None = None) -> PublishedFile:
    """What a job of this kind is for; what one with a result was for."""
    name = None if result is None else result.file
    return next((file for file in kind.files if file.name == name), kind.files[0])


def routed(kind: Kind, result: JobResult | None = None) -> Iterator[PublishedFile]:
    """The files that have a route, one for each route."""
    main = main_file(kind, result)
    for file in kind.files:
        if file is main or file.route not in (None, MAIN_ROUTE):
            yield file


def plain(kind: Kind, variant: Variant) -> Any:
    """The job that says nothing at all."""
    return next(kind.usual(variant))
