"""The body of ``POST /pipelines``, and what is wrong with one before anybody else is asked."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ConfigDict, Field, HttpUrl

from common.api.bodies.body import Reader
from common.api.bodies.json_text import json_of
from common.api.bodies.validated import validated
from common.api.pipelines.references import names_in
from common.base.errors import BodyTooLarge, Unresolvable, UnsupportedMediaType
from common.contract.fields import NO_NUL, Name, ServicePath, VariableName
from common.contract.left_out import MayBeLeftOut
from common.jobs.pipelines import Step

MOST_STEPS = 20
MOST_BYTES = 256 * 1024
"""Of all bodies together: they are kept with the pipeline. Files come as jobs, or by an address."""


class StepRequest(MayBeLeftOut):
    """One request to one service."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: VariableName = Field(description="Later steps name it by this.")
    service: Name | None = Field(None, description="Who makes it; this service when left out.")
    path: ServicePath = Field("/generate", description="A path of that service that makes a job.")
    body: dict[str, Any] = Field(
        default_factory=dict,
        description='As that path takes it. `{"step": "clip"}` in it stands for `{"job": id}` of '
        "an earlier step.",
    )


class PipelineRequest(MayBeLeftOut):
    """Steps, in their order: each begins when the one before is completed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str | None = Field(
        None, max_length=200, pattern=NO_NUL, description="For people; need not be unique."
    )
    steps: list[StepRequest] = Field(min_length=1, max_length=MOST_STEPS)
    webhook_url: HttpUrl | None = Field(
        None, description="Called when the pipeline has ended, where the service allows it."
    )


def _from_json(text: bytes) -> PipelineRequest:
    if len(text) > MOST_BYTES:
        raise BodyTooLarge(
            f"The body is over {MOST_BYTES // 1024} KB.",
            hint="Send files to POST /generate of a service first, and name them by their job.",
        )
    return validated(PipelineRequest, json_of(text))


def _from_form(_form: object) -> PipelineRequest:
    raise UnsupportedMediaType("The body is a form.", hint="Send application/json.")


READER = Reader(_from_json, _from_form)


def steps_of(request: PipelineRequest, own: str, services: Sequence[str]) -> tuple[Step, ...]:
    """The steps of a pipeline that is conducted by the service ``own``.

    Raises:
        InvalidRequest: the first thing that is wrong, naming its field.
    """
    steps: list[Step] = []
    for index, sent in enumerate(request.steps):
        place = f"steps.{index}"
        service = sent.service or own
        if service not in services:
            raise Unresolvable(
                f"{place}.service: there is no {service} here.",
                param=f"{place}.service",
                hint=f"There are {', '.join(services)}. STACK_ADDRESSES names them.",
            )
        _check(sent, place, [step.name for step in steps])
        steps.append(Step(name=sent.name, service=service, path=sent.path, body=sent.body))
    return tuple(steps)


def _check(sent: StepRequest, place: str, earlier: Sequence[str]) -> None:
    if sent.name in earlier:
        raise Unresolvable(
            f"{place}.name: there is a step {sent.name} already.",
            param=f"{place}.name",
            hint="Give each step a name of its own.",
        )
    if sent.body.get("dry_run"):
        raise Unresolvable(
            f"{place}.body.dry_run: a step is made.",
            param=f"{place}.body.dry_run",
            hint="Leave it out, or send the step's body to its service.",
        )
    for where, name in names_in(sent.body):
        if name not in earlier:
            known = f"The earlier ones are {', '.join(earlier)}." if earlier else "It is the first."
            raise Unresolvable(
                f"{place}.{where}.step: no earlier step is called {name}.",
                param=f"{place}.{where}.step",
                hint=known,
            )


def fingerprint_text(request: PipelineRequest) -> str:
    """What must be the same for a pipeline to be the same."""
    fields: Mapping[str, Any] = request.model_dump(mode="json", exclude_defaults=True)
    return json.dumps(["pipeline", fields], sort_keys=True)
