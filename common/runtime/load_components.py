"""Loads the models of a checkpoint together: one scheme, one progress, one report.

Nothing here knows how a checkpoint is laid out: whoever does says which components it has.
"""

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import common.runtime.libraries  # noqa: F401

import torch
from diffusers.utils.logging import disable_progress_bar as disable_diffusers_bar
from torch import nn
from transformers.utils.logging import disable_progress_bar as disable_transformers_bar

from common.contract import LoadOptions, LoadReport, Quantization
from common.contract.compute_dtype import Choice, choose_compute_dtype
from common.runtime.available import bound_bytes
from common.runtime.cache import WeightCache
from common.runtime.components import Component, PendingComponent, Treatment
from common.runtime.devices import as_torch, pick_device
from common.runtime.keep import TRANSFORMERS, KeepRules, component_scheme, rules_under
from common.runtime.load_progress import Progress
from common.runtime.loading import Adapter
from common.runtime.pulse import tflops
from common.runtime.quantization import weight_bytes
from common.runtime.scheme_choice import check_scheme

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Loaded:
    """Models in memory, by the names of their components, and how they came there."""

    models: Mapping[str, nn.Module]
    scheme: Quantization
    reason: str
    computes: Choice
    from_cache: bool
    gpu_tflops: float | None = None

    def tell(
        self, options: LoadOptions, attention_backend: str, others: Iterable[nn.Module] = ()
    ) -> None:
        """Report what was done. ``others`` came into memory elsewhere, and count there."""
        report = LoadReport(
            quantization=self.scheme,
            reason=self.reason,
            attention_backend=attention_backend,
            compute_dtype=self.computes.dtype,
            compute_dtype_reason=self.computes.reason,
            from_cache=self.from_cache,
            gpu_tflops=self.gpu_tflops,
            weight_bytes=sum(map(weight_bytes, (*self.models.values(), *others))),
        )
        log.info("weights loaded", extra=vars(report))
        options.on_report(report)


def load_components(
    components: Sequence[Component],
    options: LoadOptions,
    *,
    keep: Mapping[str, KeepRules] | None = None,
    adapters: Mapping[str, Adapter] | None = None,
    float32: Collection[str] = (),
) -> Loaded:
    """Load ``components`` onto the device; quantize those that ``keep`` names.

    Headers come first, all of them: what is incomplete is refused before minutes of reading.

    Args:
        components: the models, in the order in which they are read.
        options: all that an operator may set.
        keep: rules by component; a component that is not named is never quantized.
        adapters: LoRAs by component, opened from ``options.adapter``.
        float32: components that their authors run in float32, whatever the rest computes in.

    Raises:
        CheckpointError: a file is missing, cut short or of another model.
        InvalidRequest: ``options.device`` does not exist, or cannot run the scheme.
    """
    device = pick_device(options.device)
    scheme = options.quantization
    check_scheme(scheme, device)
    computes = choose_compute_dtype(options.compute_dtype, on_gpu=device.type != "cpu")
    bound_bytes(device, options.cuda_bytes)
    # A bar in a log file is noise; progress goes through the job's context.
    disable_diffusers_bar()
    disable_transformers_bar()
    treatments = Treatments(
        options, device, as_torch(computes.dtype), scheme, keep or {}, adapters or {}, float32
    )
    with ExitStack() as stack:
        pending = [
            stack.enter_context(
                PendingComponent(component, treatments.of(component.name), treatments.cache)
            )
            for component in components
        ]
        models = _load_all(pending, options)
    speed = tflops(device, options.while_busy)
    return Loaded(models, scheme, options.reason, computes, _all_cached(pending), speed)


class Treatments:
    """What is done to each component, by its name."""

    def __init__(
        self,
        options: LoadOptions,
        device: torch.device,
        dtype: torch.dtype,
        scheme: Quantization,
        keep: Mapping[str, KeepRules],
        adapters: Mapping[str, Adapter],
        float32: Collection[str],
    ) -> None:
        self._options = options
        self._device = device
        self._dtype = dtype
        self._scheme = scheme
        self._keep = keep
        self._adapters = adapters
        self._float32 = float32
        folder = options.cache_dir
        self.cache = WeightCache(folder, options.cache_max_bytes) if folder else None

    def of(self, name: str) -> Treatment:
        """A component that is to be offloaded starts where it will mostly be."""
        offloads = self._options.group_offload and name in TRANSFORMERS
        rules = self._keep.get(name)
        scheme = component_scheme(name, self._scheme)
        return Treatment(
            device=torch.device("cpu") if offloads else self._device,
            dtype=torch.float32 if name in self._float32 else self._dtype,
            scheme=Quantization.NONE if rules is None else scheme,
            keep=() if rules is None else rules_under(rules, scheme),
            adapter=self._adapters.get(name),
        )


def _load_all(pending: Sequence[PendingComponent], options: LoadOptions) -> dict[str, nn.Module]:
    progress = Progress(options.on_bytes, pending)
    models = {component.name: component.load(progress) for component in pending}
    progress.tell()
    return models


def _all_cached(pending: Sequence[PendingComponent]) -> bool:
    quantized = [component for component in pending if component.quantizes]
    return bool(quantized) and all(component.from_cache for component in quantized)
