"""What a client asks of the cutting room, and what it becomes."""

from collections.abc import Mapping
from functools import reduce
from operator import or_
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    HttpUrl,
    SerializeAsAny,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from common.contract.fields import Priority
from common.contract.work import Resolved, WorkRequest
from studio.operations import OPERATIONS
from studio.sources import Facts, JobFile
from studio.tasks import Plan, Task

if TYPE_CHECKING:
    AnyTask = Task
    AnyPlan = Plan
else:
    _tasks = [each.task for each in OPERATIONS]
    _plans = [each.plan for each in OPERATIONS]
    _by_name = Field(discriminator="operation")
    AnyTask = Annotated[reduce(or_, _tasks), _by_name] if len(_tasks) > 1 else _tasks[0]
    AnyPlan = Annotated[reduce(or_, _plans), _by_name] if len(_plans) > 1 else _plans[0]

_BY_OPERATION: Mapping[Any, type[Task]] = {
    each.task.model_fields["operation"].default: each.task for each in OPERATIONS
}


def _named_as_sent(sent: Any, otherwise: ValidatorFunctionWrapHandler) -> Any:
    """A union's errors have the operation in their paths, where the body has no such field."""
    name = sent.get("operation") if isinstance(sent, dict) else None
    kind = _BY_OPERATION.get(name) if isinstance(name, str) else None
    return otherwise(sent) if kind is None else kind.model_validate(sent)


class JobFields(BaseModel):
    """What every job may say, whatever it makes."""

    webhook_url: HttpUrl | None = Field(
        None, description="Called when the job has ended, where the service allows it."
    )
    priority: Priority = Field("normal", description="Place in the queue.")
    dry_run: bool = Field(
        False, description="Answer what would be made and what it would cost; make nothing."
    )
    path: str | None = Field(
        None,
        max_length=512,
        description="Folder in the bucket of `output_filename`, as in `films/today`.",
    )
    output_filename: str | None = Field(
        None,
        max_length=512,
        description="Name of what is made: of its download, and of its object in the bucket.",
    )


class StudioRequest(JobFields, WorkRequest):
    """The body of ``POST /generate``: any operation. Each has a route of its own as well."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: Annotated[AnyTask, WrapValidator(_named_as_sent)] = Field(
        description="The operation, and its fields."
    )

    @property
    def used_jobs(self) -> Mapping[str, str]:
        sources = {name: wanted.source for name, wanted in self.task.wanted.items()}
        return {name: one.job for name, one in sources.items() if isinstance(one, JobFile)}

    def recorded(self, **which: Any) -> dict[str, Any]:
        """As the class above; files within the task are left out."""
        record = super().recorded(**which)
        record["task"] = self.task.model_dump(mode="json", exclude=set(self.task.inline), **which)
        record["task"]["operation"] = getattr(self.task, "operation")  # noqa: B009
        return record


class Input(BaseModel):
    """One file of a job."""

    model_config = ConfigDict(frozen=True)

    name: str
    file: Path
    """Its stored name, in the worker its path."""
    address: str | None = None
    """Where it is fetched from, before the job is made."""
    facts: Facts | None = None
    """None until it was fetched."""


class ResolvedStudio(Resolved):
    """Exactly what is made, of which files."""

    task: SerializeAsAny[AnyTask]
    inputs: tuple[Input, ...] = ()
    plan: SerializeAsAny[AnyPlan] | None = None
    """None while a file is still to be fetched."""
    named: str | None = None
    """What the request calls the file that is made, with its folders in the bucket."""

    @property
    def uploads(self) -> dict[str, Path]:
        return {one.name: one.file for one in self.inputs}

    @property
    def needs_model(self) -> bool:
        return self.plan is not None and self.plan.needs_model

    @property
    def duration(self) -> float:
        return self.plan.seconds if self.plan else 0.0

    @property
    def title(self) -> str:
        """The operation."""
        return str(getattr(self.task, "operation", ""))

    @property
    def output_name(self) -> str | None:
        return self.named

    def with_uploads(self, files: Mapping[str, Path]) -> Self:
        inputs = tuple(
            one.model_copy(update={"file": files.get(one.name, one.file)}) for one in self.inputs
        )
        return self.model_copy(update={"inputs": inputs})

    @property
    def found(self) -> dict[str, Facts]:
        """What is known of its files, by their names."""
        return {one.name: one.facts for one in self.inputs if one.facts is not None}
