"""Reads diffusers checkpoints from disk: nothing is downloaded, and only safetensors is loaded."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import nn

from common.base.errors import CheckpointError
from common.contract import LoadOptions
from common.runtime.acceleration import accelerate, check_group_offload
from common.runtime.components import Component, torch_components
from common.runtime.devices import memory_errors, pick_device
from common.runtime.keep import TRANSFORMERS, KeepRules
from common.runtime.load_components import load_components
from common.runtime.loading import Adapter
from common.runtime.match import check_class
from common.runtime.out_of_memory import is_out_of_memory
from common.runtime.weights import (
    checkpoint_name,
    damaged,
    download_hint,
    missing,
    read_config,
    refused,
)

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
    try:
        index = json.loads((checkpoint / "model_index.json").read_text(encoding="utf-8"))
    except FileNotFoundError as exc:
        raise missing(checkpoint, "model_index.json is missing") from exc
    except (OSError, ValueError) as exc:
        raise damaged(checkpoint, "model_index.json cannot be read") from exc
    if not isinstance(index, dict) or not isinstance(index.get("_class_name"), str):
        raise damaged(checkpoint, "model_index.json names no pipeline class")
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
        wanted = " or ".join(sorted(known))
        raise refused(checkpoint, f"it is of another model: it holds a {name}, not a {wanted}")
    return name


def load_pipeline(
    pipeline_class: PipelineClass,
    checkpoint: Path,
    options: LoadOptions,
    *,
    keep: Mapping[str, KeepRules] | None = None,
    adapters: Mapping[str, Adapter] | None = None,
    unused: Mapping[str, Sequence[str]] | None = None,
    float32: Collection[str] = (),
    config: Mapping[str, Mapping[str, Any]] | None = None,
    without: Collection[str] = (),
) -> Any:
    """Load every model of a checkpoint onto the device; quantize those that ``keep`` names.

    What a class declares for float32 stays float32, the rest is in the compute dtype. Quantized
    weights come from ``options.cache_dir`` where they are there, and are kept there where not.
    What denoises is accelerated as ``options`` say, and ``options.on_report`` is told.

    Args:
        pipeline_class: a diffusers pipeline class that can take this checkpoint.
        checkpoint: folder with ``model_index.json``.
        options: all that an operator may set.
        keep: rules by component; a component that is not named is never quantized.
        adapters: LoRAs by component, opened from ``options.adapter``.
        unused: patterns of tensors that nothing reads, by component: a file may have or lack them.
        float32: components that their authors run in float32, whatever the rest computes in.
        config: by component, values that stand above those of its ``config.json``.
        without: parts that the index names, which are no model and which nothing here calls.

    Raises:
        CheckpointError: a file is missing, cut short or of another model.
        InvalidRequest: ``options.device`` does not exist, or cannot run the scheme.
        OutOfMemory: the weights did not fit.
        SettingsError: a setting asks for what the device does not have.
    """
    device = pick_device(options.device)
    check_group_offload(options, device)
    listed = torch_components(pipeline_class, checkpoint, read_index(checkpoint), unused)
    components = [_changed(component, (config or {}).get(component.name)) for component in listed]
    with memory_errors():
        loaded = load_components(components, options, keep=keep, adapters=adapters, float32=float32)
        pipeline = _assemble(
            pipeline_class, checkpoint, {**loaded.models, **dict.fromkeys(without)}
        )
        backend = _accelerate(pipeline, options, device)
    loaded.tell(options, backend)
    return pipeline


def _changed(component: Component, changes: Mapping[str, Any] | None) -> Component:
    if not changes:
        return component
    check_class(component.cls, component.folder)  # which a configuration of our own would skip
    saved = read_config(component.folder.parent, component.folder.name)
    return replace(component, config={**saved, **changes})


def _assemble(
    pipeline_class: PipelineClass, checkpoint: Path, parts: Mapping[str, nn.Module | None]
) -> Any:
    """The library adds what is no model: tokenizers, schedulers, and the index's own values.

    A part that is None it leaves out.
    """
    try:
        pipeline = pipeline_class.from_pretrained(
            str(checkpoint), **parts, local_files_only=True, use_safetensors=True
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
    """Answers the attention backend in use: every transformer has the same."""
    backend = options.attention_backend
    for name in TRANSFORMERS:
        transformer = getattr(pipeline, name, None)
        if transformer is not None:
            backend = accelerate(transformer, options, device)
    return backend
