"""Reads diffusers checkpoints from disk: nothing is downloaded, and only safetensors is loaded."""

import json
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

import torch
from diffusers.utils.logging import disable_progress_bar as disable_diffusers_bar
from torch import nn
from transformers.utils.logging import disable_progress_bar as disable_transformers_bar

from common.contract import LoadOptions, LoadReport, Quantization
from common.errors import CheckpointError
from common.runtime.acceleration import accelerate, check_group_offload
from common.runtime.cache import WeightCache
from common.runtime.components import PendingComponent, Treatment, torch_components
from common.runtime.devices import compute_dtype, is_out_of_memory, memory_errors, pick_device
from common.runtime.load_progress import Progress
from common.runtime.loading import Adapter
from common.runtime.quantization import Keep, choose_scheme, weight_bytes
from common.runtime.weights import checkpoint_name, download_hint

log = logging.getLogger(__name__)

_BROKEN_FILES = (
    AttributeError,
    EOFError,
    KeyError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""What diffusers and transformers raise for a file that is missing, cut short or of another
model: there is no common base, and which one it is changes between their releases."""


KeepRules = Sequence[Keep] | Callable[[Quantization], Sequence[Keep]]
"""What stays in high precision in one component, whatever the scheme or by the scheme."""

TRANSFORMER = "transformer"
"""What diffusers calls the component that denoises."""


class PipelineClass(Protocol):
    """A diffusers pipeline class, as far as loading needs it."""

    __name__: str

    def from_pretrained(self, path: str, **kwargs: Any) -> Any:
        """Build the pipeline from a folder."""


def read_index(checkpoint: Path) -> dict[str, Any]:
    """The checkpoint's ``model_index.json``.

    Raises:
        CheckpointError: there is none, or it cannot be read.
    """
    name = checkpoint_name(checkpoint)
    try:
        index = json.loads((checkpoint / "model_index.json").read_text(encoding="utf-8"))
    except FileNotFoundError as exc:
        message = f"checkpoint {name} is not there: it has no model_index.json."
        raise CheckpointError(message, hint=download_hint(checkpoint)) from exc
    except (OSError, ValueError) as exc:
        message = f"checkpoint {name} is broken: its model_index.json cannot be read."
        raise CheckpointError(message, hint=download_hint(checkpoint)) from exc
    if not isinstance(index, dict) or not isinstance(index.get("_class_name"), str):
        message = f"checkpoint {name} is broken: its model_index.json names no pipeline class."
        raise CheckpointError(message, hint=download_hint(checkpoint))
    return index


def find_class(checkpoint: Path, known: Collection[str] = ()) -> str:
    """The diffusers pipeline class that the checkpoint was saved from.

    Args:
        checkpoint: folder with ``model_index.json``.
        known: the classes that the caller can run; empty accepts any.

    Raises:
        CheckpointError: the index is missing or broken, or the class is not among ``known``.
    """
    name: str = read_index(checkpoint)["_class_name"]
    if known and name not in known:
        raise CheckpointError(
            f"checkpoint {checkpoint_name(checkpoint)} is of another model: "
            f"it holds a {name}, not a {' or '.join(sorted(known))}.",
            hint="Set CHECKPOINT to one that GET /info lists.",
        )
    return name


def load_pipeline(
    pipeline_class: PipelineClass,
    checkpoint: Path,
    options: LoadOptions,
    *,
    keep: Mapping[str, KeepRules] | None = None,
    adapters: Mapping[str, Adapter] | None = None,
) -> Any:
    """Load every model of a checkpoint onto the device; quantize those that ``keep`` names.

    What a class declares for float32 stays float32, the rest is in the compute dtype. Quantized
    weights come from ``options.cache_dir`` where they are there, and are kept there where not.
    The transformer is accelerated as ``options`` say, and ``options.on_report`` is told.

    Args:
        pipeline_class: a diffusers pipeline class that can take this checkpoint.
        checkpoint: folder with ``model_index.json``.
        options: all that an operator may set.
        keep: rules by component; a component that is not named is never quantized.
        adapters: LoRAs by component, opened from ``options.adapter``.

    Raises:
        CheckpointError: a file is missing, cut short or of another model.
        InvalidRequest: ``options.device`` does not exist, or cannot run the scheme.
        OutOfMemory: the weights did not fit.
        SettingsError: a setting asks for what the device does not have.
    """
    device = pick_device(options.device)
    check_group_offload(options, device)
    scheme, reason = choose_scheme(options.quantization, options.default_quantization, device)
    # A bar in a log file is noise; progress goes through the job's context.
    disable_diffusers_bar()
    disable_transformers_bar()
    treatments = _Treatments(options, device, scheme, keep or {}, adapters or {})
    with memory_errors(), ExitStack() as stack:
        pending = _open_all(pipeline_class, checkpoint, treatments, stack)
        models = _load_all(pending, options)
        pipeline = _assemble(pipeline_class, checkpoint, models)
        backend = _accelerate(pipeline, options, device)
    report = LoadReport(
        quantization=scheme,
        reason=reason,
        attention_backend=backend,
        from_cache=_all_cached(pending),
        weight_bytes=sum(map(weight_bytes, models.values())),
    )
    log.info("weights loaded", extra=vars(report))
    options.on_report(report)
    return pipeline


class _Treatments:
    """What is done to each component, by its name."""

    def __init__(
        self,
        options: LoadOptions,
        device: torch.device,
        scheme: Quantization,
        keep: Mapping[str, KeepRules],
        adapters: Mapping[str, Adapter],
    ) -> None:
        self._options = options
        self._device = device
        self._scheme = scheme
        self._keep = keep
        self._adapters = adapters
        folder = options.cache_dir
        self.cache = WeightCache(folder, options.cache_max_bytes) if folder else None

    def of(self, name: str) -> Treatment:
        """A component that is to be offloaded starts where it will mostly be."""
        offloads = self._options.group_offload and name == TRANSFORMER
        rules = self._keep.get(name)
        return Treatment(
            device=torch.device("cpu") if offloads else self._device,
            dtype=compute_dtype(self._device),
            scheme=Quantization.NONE if rules is None else self._scheme,
            keep=rules(self._scheme) if callable(rules) else rules or (),
            adapter=self._adapters.get(name),
            adapter_file=self._options.adapter,
        )


def _open_all(
    pipeline_class: PipelineClass, checkpoint: Path, treatments: _Treatments, stack: ExitStack
) -> list[PendingComponent]:
    """Headers first, all of them: what is incomplete is refused before minutes of reading."""
    components = torch_components(pipeline_class, checkpoint, read_index(checkpoint))
    return [
        stack.enter_context(
            PendingComponent(component, treatments.of(component.name), treatments.cache)
        )
        for component in components
    ]


def _load_all(pending: Sequence[PendingComponent], options: LoadOptions) -> dict[str, nn.Module]:
    progress = Progress(options.on_bytes, pending)
    models = {component.name: component.load(progress) for component in pending}
    progress.tell()
    return models


def _assemble(
    pipeline_class: PipelineClass, checkpoint: Path, models: Mapping[str, nn.Module]
) -> Any:
    """The library adds what is no model: tokenizers, schedulers, and the index's own values."""
    try:
        pipeline = pipeline_class.from_pretrained(
            str(checkpoint), **models, local_files_only=True, use_safetensors=True
        )
    except _BROKEN_FILES as exc:
        if is_out_of_memory(exc):
            raise
        message = (
            f"checkpoint {checkpoint_name(checkpoint)} is incomplete or damaged: "
            "a tokenizer, a scheduler or the index cannot be read."
        )
        raise CheckpointError(message, hint=download_hint(checkpoint)) from exc
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def _accelerate(pipeline: Any, options: LoadOptions, device: torch.device) -> str:
    transformer = getattr(pipeline, TRANSFORMER, None)
    if transformer is None:
        return options.attention_backend
    return accelerate(transformer, options, device)


def _all_cached(pending: Sequence[PendingComponent]) -> bool:
    quantized = [component for component in pending if component.quantizes]
    return bool(quantized) and all(component.from_cache for component in quantized)
