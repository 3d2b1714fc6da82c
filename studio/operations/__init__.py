"""The operations of the cutting room, one module each: what may be asked, its plan, its making."""

from typing import Any

from studio.operations.caption import CAPTION
from studio.operations.edit.operation import EDIT
from studio.operations.film.operation import IMG2VID
from studio.operations.sound import ADD_AUDIO
from studio.operations.transcribe import TRANSCRIBE
from studio.operations.upload import UPLOAD
from studio.tasks import Operation, Plan, Task

OPERATIONS: tuple[Operation[Any, Any], ...] = (
    *(TRANSCRIBE, CAPTION, IMG2VID, ADD_AUDIO, EDIT),
    UPLOAD,
)


def operation_of(one: Task | Plan) -> Operation[Any, Any]:
    """The operation that a task asks for, or that a plan is of."""
    return next(each for each in OPERATIONS if type(one) in (each.task, each.plan))
