"""The operation."""

from studio.operations.edit.foreseeing import foresee
from studio.operations.edit.making import make
from studio.operations.edit.plan import EditPlan
from studio.operations.edit.resolving import resolve
from studio.operations.edit.task import Edit
from studio.tasks import Operation

EDIT = Operation(
    path="/video/edit",
    summary="Cut videos, and join them",
    description=(
        "A timeline of clips: cut, faster or slower, in one shape, with pictures and words over "
        "it. `dry_run` answers the frames that it would take of each source."
    ),
    task=Edit,
    plan=EditPlan,
    resolve=resolve,
    make=make,
    foresee=foresee,
)
