"""The SPEC of a model service.

Importing this module (and a model's ``model_config``) costs no torch: the API process reads
the SPEC too, to validate requests.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from common.contract.compute_dtype import ComputeDtype
from common.contract.context import BatchContext, JobContext
from common.contract.kind import Kind
from common.contract.loading import LoadOptions, Memory, Quantization
from common.contract.variants import Variant
from common.contract.work import Prepared

Pipeline = Any
"""Whatever ``load`` returns and ``generate`` takes; nobody else looks inside."""


class ModelOptions(BaseModel):
    """Base of a model's own ``options``: unknown names are refused, every field is described."""

    model_config = ConfigDict(frozen=True, extra="forbid")


# Of the kind: what was resolved, and what is made of it.
LoadFunction = Callable[[Path, LoadOptions], Pipeline]
GenerateFunction = Callable[[Pipeline, Any, JobContext], Any]
PrepareFunction = Callable[[Pipeline, Any, JobContext], Prepared | None]
BatchFunction = Callable[[Pipeline, Sequence[Any], BatchContext], Sequence[Any]]
MemoryFunction = Callable[[Path, Any, ComputeDtype], Memory]
SavedFunction = Callable[[Path, Quantization, ComputeDtype], int]
CostFunction = Callable[[Any], float]


def _nothing_saved(_checkpoint: Path, _scheme: Quantization, _dtype: ComputeDtype) -> int:
    return 0


@dataclass(frozen=True)
class ModelSpec:
    """One model service. The first variant is the default; ``CHECKPOINT`` picks another.

    ``memory`` (in a number format) and ``cost`` (FLOPs of a request) feed the estimates of
    ``dry_run``. ``memory`` is that of weights that are not quantized; ``saved_bytes`` is what a
    scheme takes off them.

    ``prepare`` is asked before ``generate`` what the loaded model makes of a request.

    ``generate_batch`` makes up to ``max_batch`` requests together for which the kind's ``together``
    has one answer; its products are drawn one after the other, each as ``generate``'s would be.
    """

    kind: Kind
    id: str
    title: str
    licence: str
    port: int
    variants: tuple[Variant, ...]
    options: type[ModelOptions]
    load: LoadFunction
    generate: GenerateFunction
    memory: MemoryFunction
    cost: CostFunction
    saved_bytes: SavedFunction = _nothing_saved
    quantization: Quantization = Quantization.NONE
    prepare: PrepareFunction | None = None
    max_batch: int = 1
    generate_batch: BatchFunction | None = None
    worth_fusing: Callable[[Any], bool] = lambda _request: True
    """Whether one such job leaves the GPU room for others; a large one does not."""
