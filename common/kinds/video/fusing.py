"""Which jobs can be made together: those in which only words, seed and picture differ."""

import hashlib
import json

from common.contract import ModelSpec
from common.kinds.video.requests import ResolvedRequest

OWN = {"prompt", "negative_prompt", "seed", "image", "preset"}
"""What each clip of a fused batch has for itself; all else must be equal. What a preset set counts,
and not its name."""


def shape_of_batch(spec: ModelSpec, request: ResolvedRequest) -> str | None:
    """Name what must be equal in a batch; None where the model makes this job alone.

    Pictures may differ, but not whether there is one. A continued video is never fused.
    """
    if spec.generate_batch is None or spec.max_batch < 2 or request.video is not None:
        return None
    if not spec.worth_fusing(request):
        return None
    alike = {**request.model_dump(mode="json", exclude=OWN), "image": request.image is not None}
    return hashlib.sha256(json.dumps(alike, sort_keys=True).encode()).hexdigest()


def most_together(spec: ModelSpec, fused_batch: int | None) -> int:
    """Clips of a fused batch at most: the model's own limit, or the setting where it is lower."""
    if spec.generate_batch is None:
        return 1
    return min(spec.max_batch, fused_batch or spec.max_batch)
