"""Which jobs can be made together, as far as a model says; the rest is the kind's word."""

from typing import Any

from common.contract.model import ModelSpec


def shape_of_batch(spec: ModelSpec, request: Any) -> str | None:
    """Name what must be equal in a batch; None where the model makes this job alone."""
    if spec.generate_batch is None or spec.max_batch < 2 or not spec.worth_fusing(request):
        return None
    return spec.kind.together(request)


def most_together(spec: ModelSpec, fused_batch: int | None) -> int:
    """Jobs of a fused batch at most: the model's own limit, or the setting where it is lower."""
    if spec.generate_batch is None:
        return 1
    return min(spec.max_batch, fused_batch or spec.max_batch)
