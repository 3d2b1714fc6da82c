"""One operation of the cutting room: what is asked, what it becomes, and what comes of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from common.contract.left_out import MayBeLeftOut
from common.contract.work import Adjustment
from studio.listening.wish import Wish
from studio.rendering.tools import Tools
from studio.sources import Found, Wanted
from studio.variants import StudioVariant


class Task(MayBeLeftOut):
    """The fields of an operation, without those that every job has."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    inline: ClassVar[frozenset[str]] = frozenset()
    """Fields that hold a whole file, which no record repeats."""

    def check(self, variant: StudioVariant) -> None:
        """Whether the checkpoint that listens can do it. Raises Unresolvable."""
        del variant

    @property
    def wanted(self) -> Mapping[str, Wanted]:
        """The files that it works on, by their names."""
        return {}


class Plan(BaseModel):
    """Exactly what is made: every value is set, and legal for the files that were found."""

    model_config = ConfigDict(frozen=True)

    seconds: float = 0
    """That the product plays."""
    width: int = 0
    height: int = 0
    fps: float = 0
    listens: ClassVar[bool] = False
    """Whether the model is asked what is spoken."""

    @property
    def needs_model(self) -> bool:
        """Whether it waits for the model."""
        return self.listens

    @property
    def unseen(self) -> bool:
        """Whether the files have to be heard to know what it makes."""
        return False

    @property
    def asked(self) -> Wish:
        """Of the model, where it listens."""
        return Wish()

    @property
    def bytes_beside(self) -> int:
        """That it takes on top of what its frames take."""
        return 0


@dataclass(frozen=True)
class PlanAhead:
    """A plan as it will be made, as far as that can be said before."""

    plan: Plan
    notes: tuple[str, ...] = ()
    """What it does not show yet, and why."""


@dataclass(frozen=True)
class Planned:
    """A plan, and what was not taken as it was asked."""

    plan: Plan
    adjustments: tuple[Adjustment, ...] = ()


@dataclass(frozen=True)
class Made:
    """What an operation has put into the job's folder."""

    file: str
    """The name of what the job was for."""
    report: Mapping[str, Any] = field(default_factory=dict)
    """What was cut, padded, found: plain JSON, for the client."""
    has_captions: bool = False
    """Whether it left captions, and the words with their times, beside that."""
    seconds: float | None = None
    """That it plays; None: as planned."""


T = TypeVar("T", bound=Task)
P = TypeVar("P", bound=Plan)


@dataclass(frozen=True)
class Operation(Generic[T, P]):
    """One way to work on files.

    ``resolve`` raises Unresolvable, InvalidRequest, naming the field. ``make`` runs in the worker,
    with what the model heard where the plan listens, and raises what rendering raises.
    """

    path: str
    """Its route."""
    summary: str
    description: str
    task: type[T]
    plan: type[P]
    resolve: Callable[[T, Found], Planned]
    make: Callable[[P, Any, Tools], Made]
    foresee: Callable[[P, Mapping[str, BinaryIO | Path], Found], PlanAhead] | None = None
    """Of a plan that is ``unseen``: for a dry run, in the API process. Blocks for seconds."""
