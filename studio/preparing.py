"""Brings the files of a job that were named by an address, before it needs memory."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from common.contract import Prepared, Preparer
from studio.bounds import Bounds
from studio.fetching import Fetcher
from studio.intake import named
from studio.looking import look_at
from studio.operations import operation_of
from studio.requests import Input, ResolvedStudio

WAITING = "its files"


@dataclass(frozen=True)
class StudioPreparer(Preparer):
    """Of one worker."""

    fetcher: Fetcher
    bounds: Bounds

    def prepare(
        self, request: ResolvedStudio, inputs: Path, wait: Callable[[str], None]
    ) -> Prepared | None:
        """Fetch, look, and plan. Raises InvalidRequest, and what the disk and ``wait`` raise."""
        if request.plan is not None:
            return None
        found = tuple(self._brought(one, request, inputs, wait) for one in request.inputs)
        facts = {one.name: one.facts for one in found if one.facts is not None}
        planned = operation_of(request.task).resolve(request.task, facts)
        changes = {"inputs": found, "plan": planned.plan}
        return Prepared(changes, planned.adjustments)

    def _brought(
        self, one: Input, request: ResolvedStudio, inputs: Path, wait: Callable[[str], None]
    ) -> Input:
        if one.facts is not None or one.address is None:
            return one
        path = inputs / one.file
        with named(one.name):
            if not path.exists():
                self.fetcher.fetch(one.address, path, lambda: wait(WAITING))
            with path.open("rb") as file:
                facts = look_at(file, request.task.wanted[one.name].forms, self.bounds)
        return one.model_copy(update={"facts": facts})
