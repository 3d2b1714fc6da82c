"""A route for each operation: its fields, and those that every job has, side by side."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, create_model

from common.api.bodies.body import reader_for
from common.api.bodies.once import OnceParam
from common.api.door.openapi import without_null
from common.api.routes.generate import RESPONSES, queued
from common.api.routes.views import JobView
from common.api.service import Service, service_of
from studio.operations import OPERATIONS
from studio.plan_routes import PlanView, planned
from studio.requests import JobFields, StudioRequest
from studio.tasks import Operation, Task

router = APIRouter(tags=["Cutting room"])


def _add(operation: Operation[Any, Any]) -> None:
    body = _body(operation)

    def request_of(sent: Task) -> StudioRequest:
        task = operation.task.model_construct(**_said(sent, operation.task))
        return StudioRequest(task=task, **_said(sent, JobFields))

    async def answer(
        request: Request,
        response: Response,
        service: Annotated[Service, Depends(service_of)],
        once: OnceParam,
    ) -> Any:
        reader = reader_for(body, tuple(service.kind.uploads), request_of)
        view = await queued(request, response, service, once, reader)
        return planned(view) if isinstance(view, JobView) else view

    router.add_api_route(
        operation.path,
        answer,
        methods=["POST"],
        name=operation.path.rpartition("/")[2],
        status_code=202,
        response_model=PlanView,
        responses=RESPONSES,
        openapi_extra=_described(body, operation),
        summary=operation.summary,
        description=operation.description,
    )


def _body(operation: Operation[Any, Any]) -> type[Task]:
    build: Any = create_model  # type checkers take its answer for a class that is written here
    body: type[Task] = build(
        f"{operation.task.__name__}Request", __base__=(operation.task, JobFields)
    )
    return body


def _said(sent: Task, fields_of: type[BaseModel]) -> dict[str, Any]:
    """The fields that were sent, of those that a class has."""
    names = sent.model_fields_set & fields_of.model_fields.keys()
    return {name: getattr(sent, name) for name in names}


def _described(body: type[Task], operation: Operation[Any, Any]) -> dict[str, Any]:
    schema = without_null(body.model_json_schema())
    files = {name: {"type": "string", "format": "binary"} for name in operation.task().wanted}
    form = {**schema, "properties": {**schema["properties"], **files}}
    content = {
        "application/json": {"schema": schema},
        "multipart/form-data": {"schema": form},
    }
    return {"requestBody": {"required": True, "content": content}}


for each in OPERATIONS:
    _add(each)
