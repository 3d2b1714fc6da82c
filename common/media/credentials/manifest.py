"""What is said of a file, in C2PA's words: C2PA 2.3, section 18.15 (actions)."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from common import __version__
from common.contract.variants import Checkpoint

_SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
MADE_BY_A_MODEL = f"{_SOURCE_TYPES}trainedAlgorithmicMedia"
PARTLY_MADE_BY_A_MODEL = f"{_SOURCE_TYPES}compositeWithTrainedAlgorithmicMedia"
"""IPTC's terms: https://cv.iptc.org/newscodes/digitalsourcetype/."""


@dataclass(frozen=True)
class Origin:
    """How a file came to be."""

    model: str
    checkpoint: Checkpoint
    prompt: str
    began_with: tuple[str, ...] = ()
    """The uploads it was made from, by the names of their fields: never the files."""
    shows_upload: bool = False
    """Frames of such an upload are in it."""


def manifest(origin: Origin, now: datetime, *, with_prompt: bool) -> dict[str, Any]:
    """The definition of a manifest, as c2pa's ``Builder`` takes it."""
    checkpoint = origin.checkpoint
    said = {
        "model": origin.model,
        "checkpoint": checkpoint.id,
        "revision": checkpoint.revision,
        "stands_in_for": checkpoint.stands_in_for,
        "began_with": ", ".join(origin.began_with),
        "prompt": origin.prompt if with_prompt else None,
    }
    action = {
        "action": "c2pa.created",
        "when": now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "digitalSourceType": PARTLY_MADE_BY_A_MODEL if origin.shows_upload else MADE_BY_A_MODEL,
        "softwareAgent": {"name": checkpoint.id, "version": checkpoint.revision},
        "description": _description(checkpoint),
        "parameters": {name: value for name, value in said.items() if value},
    }
    actions = {"label": "c2pa.actions.v2", "created": True, "data": {"actions": [action]}}
    return {
        "claim_generator_info": [{"name": "VideosDGX", "version": __version__}],
        "assertions": [actions],
    }


def _description(checkpoint: Checkpoint) -> str:
    stand_in = checkpoint.stands_in_for
    addition = f", which stands in for {stand_in}" if stand_in else ""
    return f"Made by an AI model: {checkpoint.id}{addition}."
