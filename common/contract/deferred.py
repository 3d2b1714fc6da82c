"""The part of a model that needs torch, imported at its first call.

A ``model_config`` is read by the API process too, which must never import torch.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from common.contract.context import JobContext
from common.contract.loading import LoadOptions
from common.contract.model import Pipeline


class PipelineModule(Protocol):
    """A module with a model's ``load`` and ``generate``, as ``ModelSpec`` has them."""

    def load(self, checkpoint: Path, options: LoadOptions, /) -> Pipeline:
        """Bring a checkpoint into memory."""

    def generate(self, pipeline: Pipeline, request: Any, context: JobContext, /) -> Any:
        """Make the kind's product."""


@dataclass(frozen=True)
class Deferred:
    """A model's ``load`` and ``generate`` for its SPEC, of a module that is not imported yet."""

    module: Callable[[], PipelineModule]
    """Imports it, inside of a function."""

    def load(self, checkpoint: Path, options: LoadOptions) -> Pipeline:
        """Bring a checkpoint into memory. Raises what the module's own raises."""
        return self.module().load(checkpoint, options)

    def generate(self, pipeline: Pipeline, request: Any, context: JobContext) -> Any:
        """Make the kind's product. Raises what the module's own raises."""
        return self.module().generate(pipeline, request, context)
