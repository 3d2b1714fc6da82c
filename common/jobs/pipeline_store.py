"""The part of the job store that keeps pipelines, as its users see it."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from common.jobs.model import KeyUse
from common.jobs.pipelines import NewPipeline, Pipeline, PipelinePage


class PipelineStore(Protocol):
    """Pipelines beside the jobs. Every method is one transaction."""

    def submit_pipeline(
        self,
        new: NewPipeline,
        max_unfinished: int,
        max_of_owner: int = 0,
        key: KeyUse | None = None,
    ) -> Pipeline:
        """Accept a pipeline; it is on disk when this returns, and its key with it.

        A key that has made one before is answered with that one, under its own id.

        Raises:
            QueueFull: so many pipelines are unfinished already, or so many of this owner (0: no
                limit).
            KeyReused: the key came with another request.
            PipelineConflict: the key's pipeline was deleted.
        """

    def pipeline(self, pipeline_id: str) -> Pipeline:
        """Read one pipeline. Raises PipelineNotFound."""

    def pipelines(self, pipeline_ids: Sequence[str]) -> list[Pipeline]:
        """Those of the pipelines that are there, in any order."""

    def pipeline_page(self, *, cursor: str | None = None, limit: int = 20) -> PipelinePage:
        """List pipelines, newest first. Raises InvalidRequest: the cursor is not one."""

    def unfinished_pipelines(self) -> Mapping[str, int]:
        """The versions of all that have not ended, by their ids: light, it is asked all the time.

        In the order of their arrival.
        """

    def change_pipeline(self, changed: Pipeline) -> Pipeline | None:
        """Record what became of a pipeline; one that ends has its webhook told.

        None where somebody else has changed or deleted it since ``changed.version``: nothing was
        written. What is answered has the next version, and the moment of its end.
        """

    def retry_pipeline(
        self, changed: Pipeline, max_unfinished: int, max_of_owner: int = 0
    ) -> Pipeline | None:
        """As ``change_pipeline``, of one that goes on after its end: it takes room again.

        Raises:
            QueueFull: as ``submit_pipeline``.
        """

    def delete_pipeline(self, pipeline_id: str) -> Pipeline:
        """Forget an ended pipeline; its jobs stay.

        Raises:
            PipelineNotFound, PipelineConflict: unknown, or it has not ended.
        """
