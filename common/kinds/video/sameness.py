"""When two videos come out the same: what of a request decides the file."""

from collections.abc import Mapping
from typing import Any

from common.base.settings import Settings
from common.kinds.video.loras import LoraFolder
from common.kinds.video.resolved import ResolvedRequest

ELSEWHERE = frozenset(
    {"preset", "image", "last_image", "reference_images", "video", "extend", "retake"}
)
"""Fields that decide nothing: where values came from, and names of files whose content counts."""


def decisive(request: ResolvedRequest, settings: Settings) -> Mapping[str, Any] | None:
    """See ``Kind.decisive``. None where a LoRA is not there."""
    folder = LoraFolder(settings.models_dir)
    try:
        loras = [(lora.name, lora.strength, folder.mark(lora.name)) for lora in request.loras]
    except OSError:
        return None
    fields = request.model_dump(mode="json", exclude=set(ELSEWHERE))
    keyframes = [(key.frame, key.strength) for key in request.keyframes]
    signed = [settings.content_credentials, settings.content_credentials_prompt]
    encoder = [settings.video_encoder, settings.video_crf]
    own = {"loras": loras, "keyframes": keyframes, "encoder": encoder, "signed": signed}
    return fields | own
