"""Which videos can be made together: those in which only words, seed and picture differ."""

import hashlib
import json

from common.kinds.video.resolved import ResolvedRequest
from common.kinds.video.step_cache import way_of

OWN = {"prompt", "negative_prompt", "seed", "image", "preset", "enhance_prompt", "enhanced_prompt"}
"""What each clip of a fused batch has for itself; all else must be equal. What a preset set counts,
and not its name."""


def together(request: ResolvedRequest) -> str | None:
    """Name what must be equal in a batch.

    Pictures may differ, but not whether there is one. What is made from another video is never
    fused, nor one whose frames are refined: it would hold the GPU for the others. Nor one whose
    prompt is still to be rewritten: they would wait for it. A step cache decides for a whole batch
    what is left out, so that a clip would depend on its neighbours: it is never fused either. Nor
    is a video of two stages, whose second would hold all of a batch at full size.
    """
    alone = request.refined or request.awaits_help or way_of(request) or request.second_stage
    if alone or request.uploads.keys() - {"image"}:
        return None
    alike = {**request.model_dump(mode="json", exclude=OWN), "image": request.image is not None}
    return hashlib.sha256(json.dumps(alike, sort_keys=True).encode()).hexdigest()
