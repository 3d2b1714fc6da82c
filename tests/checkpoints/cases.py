"""Every checkpoint that a SPEC serves, with what its pipeline does to it on the way into memory."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from common.contract import ModelSpec, Variant
from common.contract.finding import load_spec
from common.kinds.video import VIDEO_KIND
from common.kinds.video.frame_size import Picture
from common.kinds.video.requests import GenerateRequest
from common.kinds.video.resolved import ResolvedRequest
from common.runtime.checkpoints import read_index
from common.runtime.components import Component, Treatment, torch_components
from common.runtime.load_components import KeepRules
from scripts.services import MODELS, spec_address
from tests.resolving import resolve


@dataclass(frozen=True)
class Case:
    """A checkpoint, and the service that it is for."""

    spec: ModelSpec
    variant: Variant

    @property
    def name(self) -> str:
        return f"{self.spec.id}:{self.variant.name}"

    def request(self) -> ResolvedRequest:
        """What a job with a prompt, and a picture where it must have one, resolves to."""
        texts = any("text" in capability for capability in self.variant.capabilities)
        picture = None if texts else Picture("cat.png", 832, 480)
        return resolve(GenerateRequest(prompt="a cat"), self.spec, self.variant, picture).request


def cases(*, adapters: bool = False) -> list[Case]:
    """Of all services; those with an adapter are of the same base, and left out otherwise."""
    specs = [load_spec(spec_address(model)) for model in MODELS]
    videos = [spec for spec in specs if spec.kind is VIDEO_KIND]  # others load the same ones
    found = [Case(spec, variant) for spec in videos for variant in spec.variants]
    published = [case for case in found if "*" not in case.variant.checkpoint]
    return [case for case in published if adapters or case.variant.adapter is None]


def components_of(case: Case, checkpoint: Path) -> list[Component]:
    """The models that the service loads of a checkpoint."""
    if case.spec.id == "magi1":
        return _magi_components(checkpoint)
    pipeline_class, unused = _pipeline(case, checkpoint)
    return torch_components(pipeline_class, checkpoint, read_index(checkpoint), unused)


def _pipeline(case: Case, checkpoint: Path) -> tuple[Any, Mapping[str, Any]]:
    import diffusers

    import wan21.pipeline

    name = read_index(checkpoint)["_class_name"]
    return getattr(diffusers, name), wan21.pipeline.UNUSED if case.spec.id == "wan21" else {}


def _magi_components(checkpoint: Path) -> list[Component]:
    from magi1.checkpoint import transformer_component
    from magi1.configuration import find_config
    from magi1.pipeline import TEXT_ENCODER
    from magi1.text import text_encoder_component

    encoder = text_encoder_component(checkpoint.parents[1] / TEXT_ENCODER)
    return [transformer_component(checkpoint, find_config(checkpoint)), encoder]


def treatment_of(case: Case, component: str, checkpoint: Path) -> Treatment:
    """As the service loads it by default, on a CPU in bfloat16."""
    rules = _keep_rules(case.spec.id, checkpoint).get(component)
    scheme = case.spec.quantization
    if rules is None:
        wide = component in _in_float32(case.spec.id, checkpoint)
        return Treatment(torch.device("cpu"), torch.float32 if wide else torch.bfloat16)
    keep = rules(scheme) if callable(rules) else rules
    return Treatment(torch.device("cpu"), torch.bfloat16, scheme, keep)


def _in_float32(model: str, checkpoint: Path) -> Collection[str]:
    """Parts that a service loads in float32, where it has any: its estimate counts them so."""
    estimates = import_module(f"{model}.estimates")
    by_checkpoint = getattr(estimates, "float32_components", None)
    found: Collection[str] = (
        by_checkpoint(checkpoint) if by_checkpoint else getattr(estimates, "IN_FLOAT32", ())
    )
    return found


@cache
def _keep_rules(model: str, checkpoint: Path) -> Mapping[str, KeepRules]:
    if model == "magi1":
        from magi1.configuration import find_config
        from magi1.precision import keep_rules

        return keep_rules(find_config(checkpoint).transformer.num_layers)
    own = f"{model}.precision" if model in ("ltx2", "hunyuan") else "common.runtime.keep_dit"
    rules: Mapping[str, KeepRules] = import_module(own).keep_rules(checkpoint)
    return rules
