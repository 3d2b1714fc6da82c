"""The small trained model in this process, without a service: one thread, plain weights."""

from pathlib import Path
from typing import Any

import common.runtime.libraries  # noqa: F401

import torch

from common.contract import LoadOptions, ModelSpec
from common.contract.finding import load_spec
from common.kinds.video.requests import GenerateRequest
from common.kinds.video.resolved import ResolvedRequest
from common.kinds.video.resolver import resolve
from scripts.services import spec_address
from scripts.shapes.asking import PLAIN
from scripts.shapes.captions import english
from scripts.shapes.scenes import Scene


def loaded(model: str, checkpoint: Path) -> tuple[ModelSpec, Any]:
    """A service's SPEC, and its pipeline."""
    torch.set_num_threads(1)
    spec = load_spec(spec_address(model))
    return spec, spec.load(checkpoint, LoadOptions(device="cpu"))


def request_for(spec: ModelSpec, scene: Scene, seed: int, steps: int) -> ResolvedRequest:
    """What the service would make of the scene's plain request."""
    fields = {**PLAIN, "prompt": english(scene), "seed": seed, "num_inference_steps": steps}
    asked = GenerateRequest.model_validate(fields)
    own: Any = spec.options
    variant: Any = spec.variants[0]  # a SPEC does not say of which kind they are
    resolved: ResolvedRequest = resolve(asked, spec.id, own, variant).request
    return resolved
