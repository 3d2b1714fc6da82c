"""Reads diffusers checkpoints from disk: nothing is downloaded, and only safetensors is loaded."""

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any, Protocol

import torch
from diffusers.utils.logging import disable_progress_bar as disable_diffusers_bar
from safetensors import SafetensorError
from transformers.utils.logging import disable_progress_bar as disable_transformers_bar

from common.contract import LoadOptions
from common.errors import CheckpointError
from common.runtime.devices import compute_dtype, is_out_of_memory, memory_errors, pick_device
from common.runtime.weights import checkpoint_name, download_hint

_BROKEN_FILES = (
    AttributeError,
    EOFError,
    KeyError,
    OSError,
    RuntimeError,
    SafetensorError,
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


def load_pipeline(pipeline_class: PipelineClass, checkpoint: Path, options: LoadOptions) -> Any:
    """Load every component in the compute dtype and put it on the device.

    Modules that a model declares in ``_keep_in_fp32_modules`` stay float32.

    Raises:
        CheckpointError: a file is missing, cut short or of another model.
        InvalidRequest: ``options.device`` does not exist.
        OutOfMemory: the weights did not fit.
    """
    device = pick_device(options.device)
    # A bar in a log file is noise; progress goes through the job's context.
    disable_diffusers_bar()
    disable_transformers_bar()
    with memory_errors():
        pipeline = _read(pipeline_class, checkpoint, compute_dtype(device)).to(device)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def _read(pipeline_class: PipelineClass, checkpoint: Path, dtype: torch.dtype) -> Any:
    try:
        pipeline = pipeline_class.from_pretrained(
            str(checkpoint), dtype=dtype, local_files_only=True, use_safetensors=True
        )
    except _BROKEN_FILES as exc:
        if is_out_of_memory(exc):
            raise
        raise _incomplete(checkpoint, "a file is missing or damaged") from exc
    for component, module in pipeline.components.items():
        # diffusers only logs a tensor that the files lack, and leaves it without storage.
        if isinstance(module, torch.nn.Module) and any(p.is_meta for p in module.parameters()):
            raise _incomplete(checkpoint, f"tensors are missing in {component}")
    return pipeline


def _incomplete(checkpoint: Path, reason: str) -> CheckpointError:
    message = f"checkpoint {checkpoint_name(checkpoint)} is incomplete: {reason}."
    return CheckpointError(message, hint=download_hint(checkpoint))
