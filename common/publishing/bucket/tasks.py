"""What the API process and the one that uploads say to each other: a line of JSON each."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter


class _Line(BaseModel):
    model_config = ConfigDict(frozen=True)


class Hello(_Line):
    """The first line: whose bucket, and by which keys. Not arguments: those are for all to see."""

    endpoint: str
    region: str
    path_style: bool
    timeout: float
    part_bytes: int
    access_key: str
    secret_key: str


class Claim(_Line):
    """A name that a request has given. Others may give it too: it is that of one job's object."""

    key: str
    job: str


class LocalFile(_Line):
    """A file on disk, and the object that it becomes."""

    path: Path
    key: str
    media_type: str
    claim: Claim | None = None
    """Goes before ``key``, unless another object has that name."""


class Store(_Line):
    """Upload these, in this order."""

    act: Literal["store"] = "store"
    bucket: str
    files: tuple[LocalFile, ...]


class Remove(_Line):
    """Remove all objects of a folder, and what was begun there; and what has a name of its own."""

    act: Literal["remove"] = "remove"
    bucket: str
    folder: str = Field(pattern=r"^.+/$")
    claim: Claim | None = None


class Look(_Line):
    """See whether the bucket can be reached."""

    act: Literal["look"] = "look"
    bucket: str


class Seek(_Line):
    """See whether an object is there."""

    act: Literal["seek"] = "seek"
    bucket: str
    key: str
    claim: Claim | None = None
    """Whether the job has that name is said too."""


class Alive(_Line):
    """It goes on."""

    says: Literal["alive"] = "alive"


class Done(_Line):
    """The task is done."""

    says: Literal["done"] = "done"
    refused: bool = False
    """Another object has the name that was claimed."""


class Missing(_Line):
    """What was sought is not there."""

    says: Literal["missing"] = "missing"


class Failed(_Line):
    """It is not. ``words`` are for people; ``detail``, of what nobody foresaw, for the log."""

    says: Literal["failed"] = "failed"
    words: str
    of_bucket: bool
    """Others would fail too: not only this one is in the way."""
    detail: str | None = None


Task = Store | Remove | Look | Seek
TASKS: TypeAdapter[Task] = TypeAdapter(Annotated[Task, Field(discriminator="act")])
Outcome = Done | Missing | Failed
SAYINGS: TypeAdapter[Alive | Outcome] = TypeAdapter(
    Annotated[Alive | Outcome, Field(discriminator="says")]
)
