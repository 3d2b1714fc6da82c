"""Errors of pipelines.

VideosDGXError
├── PipelineNotFound        404  also somebody else's pipeline
├── PipelineConflict        409  the state of the pipeline does not allow this
└── NoStackSecret           501  with keys, services act for a caller by STACK_SECRET alone
"""

from common.base.errors.tree import VideosDGXError


class PipelineNotFound(VideosDGXError):
    """No such pipeline."""

    code = "pipeline_not_found"
    status = 404

    def __init__(self) -> None:
        super().__init__("No such pipeline.", param="id", hint="GET /pipelines lists them.")


class PipelineConflict(VideosDGXError):
    """The state of the pipeline does not allow this."""

    code = "pipeline_conflict"
    status = 409


class NoStackSecret(VideosDGXError):
    """Callers have keys here, and no service could show that it asks for one of them."""

    code = "no_stack_secret"
    status = 501
    told = True
    """A setting is missing; nothing went wrong."""
