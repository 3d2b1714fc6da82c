"""Adds a LoRA to a model's weights while they are loaded: W + (alpha / rank) B A.

Fused, it costs nothing at any step, and what is quantized afterwards is the sum. The layouts read
here are those of ``lora_up``/``lora_down`` and ``lora_B``/``lora_A`` pairs, and of the plain
differences that ModelTC/LightX2V, tools/extract/lora_extractor.py, writes for what has no rank:
``diff`` for weights, ``diff_b`` for biases, ``diff_m`` for modulation tables.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import nn

from common.base.errors import CheckpointError
from common.contract.hub import OTHER_CHECKPOINT

PREFIXES = ("model.diffusion_model.", "diffusion_model.", "transformer.")
"""In front of a module's name, as ComfyUI and as diffusers write it."""
ADAPTER = ".default"
"""PEFT's name of an adapter, which some leave in."""

PARTS = {
    ".lora_up.weight": ("up", ".weight"),
    ".lora_B.weight": ("up", ".weight"),
    ".lora_down.weight": ("down", ".weight"),
    ".lora_A.weight": ("down", ".weight"),
    ".alpha": ("alpha", ".weight"),
    ".diff": ("diff", ".weight"),
    ".diff_b": ("diff", ".bias"),
    ".diff_m": ("diff", ".modulation"),
}
"""How a key ends: which part of a change it is, and how the name of the changed tensor ends."""

Rename = Callable[[Mapping[str, Any]], dict[str, Any]]
"""From the names of the model's original code to those of the loaded module."""


@dataclass(frozen=True)
class Change:
    """What is added to one tensor: either a pair of matrices or a difference. Keys of the file."""

    up: str | None = None
    down: str | None = None
    alpha: str | None = None
    diff: str | None = None


class Lora:
    """An open LoRA file. Tensors are read as they are needed, so it is never in memory whole."""

    def __init__(self, path: Path, rename: Rename, unused: Sequence[str] = ()) -> None:
        """Open ``path`` and find out what it changes.

        Args:
            path: of the file.
            rename: to the names of the loaded module.
            unused: patterns of those names; a change to one of these is left out.

        Raises:
            CheckpointError: it is damaged, or not in a layout that is known here.
        """
        self.path = path
        self._name = path.name
        try:
            self._file: Any = safe_open(path, framework="pt")
        except (OSError, SafetensorError) as exc:
            raise CheckpointError(f"the adapter {self._name} is missing or damaged.") from exc
        read = self._read_changes()
        self._changes = rename(read)
        if len(self._changes) < len(read):  # of parts that are no transformer's
            kept = {id(change) for change in self._changes.values()}
            raise self._of_another_model(min(n for n in read if id(read[n]) not in kept))
        for name in [n for n in self._changes if any(fnmatchcase(n, part) for part in unused)]:
            del self._changes[name]
        self._left = set(self._changes)

    def changes(self, name: str) -> bool:
        """Whether there is anything for this parameter of the loaded module."""
        return name in self._changes

    def check_fits(self, shapes: Mapping[str, Sequence[int]]) -> None:
        """Compare with a model's tensors, before anything is read.

        Args:
            shapes: by the name of the parameter, in the loaded module.

        Raises:
            CheckpointError: naming what the model does not have, or has in another shape.
        """
        for name, change in sorted(self._changes.items()):
            if name not in shapes or self._shape(change) != tuple(shapes[name]):
                raise self._of_another_model(name)

    def fuse(self, name: str, weight: torch.Tensor) -> torch.Tensor:
        """``weight`` as it shall be: changed, or itself where the LoRA has nothing for it.

        Args:
            name: of the parameter, in the loaded module.
            weight: before quantization, any float format, on any device. It is left as it is.

        Returns:
            Same shape, format and device; the sum is made in float32.

        Raises:
            CheckpointError: the shapes differ, so the LoRA is for another model.
        """
        change = self._changes.get(name)
        if change is None:
            return weight
        self._left.discard(name)
        addend = self._addend(change, weight.device)
        if addend.shape != weight.shape:
            raise self._of_another_model(name)
        return (weight.float() + addend).to(weight.dtype)

    def pairs(self) -> Iterator[tuple[str, torch.Tensor, torch.Tensor, float]]:
        """Of each layer that it changes: its name, A [rank, in], B [out, rank], and their scale.

        The matrices are in the file's own number format.

        Raises:
            CheckpointError: it changes what has no rank, as distilled ones do.
        """
        for name, change in sorted(self._changes.items()):
            if change.up is None or change.down is None or not name.endswith(".weight"):
                raise CheckpointError(
                    f"the adapter {self._name} changes more than layers: {name}.",
                    hint="Such a one is added while weights are loaded, as a part of CHECKPOINT.",
                )
            up, down = (self._file.get_tensor(key).clone() for key in (change.up, change.down))
            yield name.removesuffix(".weight"), down, up, self._scale(change, down)

    def layer(self, model: nn.Module, name: str, sides: tuple[int, int]) -> nn.Module:
        """The layer of this name, which has these sides [out, in]; whatever keeps its weight.

        Raises:
            CheckpointError: there is none, or it is of another shape.
        """
        try:
            found = model.get_submodule(name)
        except AttributeError as exc:
            raise self._of_another_model(name) from exc
        columns = getattr(found, "unpadded_features", getattr(found, "in_features", None))
        if sides != (getattr(found, "out_features", None), columns):
            raise self._of_another_model(name)
        return found

    def check_used(self) -> None:
        """To be called at the end: everything in the file must have found its tensor.

        Raises:
            CheckpointError: naming a tensor that the model does not have.
        """
        if self._left:
            raise self._of_another_model(min(self._left))

    def _shape(self, change: Change) -> tuple[int, ...]:
        if change.diff is not None:
            return self._shape_of(change.diff)
        if change.up is None or change.down is None:
            raise self._half_a_pair()
        return (*self._shape_of(change.up)[:1], *self._shape_of(change.down)[1:])

    def _shape_of(self, key: str) -> tuple[int, ...]:
        return tuple(self._file.get_slice(key).get_shape())

    def _addend(self, change: Change, device: torch.device) -> torch.Tensor:
        if change.diff is not None:
            return self._tensor(change.diff, device)
        if change.up is None or change.down is None:
            raise self._half_a_pair()
        up, down = self._tensor(change.up, device), self._tensor(change.down, device)
        return self._scale(change, down) * (up @ down)

    def _scale(self, change: Change, down: torch.Tensor) -> float:
        if change.alpha is None:
            return 1.0
        return self._tensor(change.alpha, torch.device("cpu")).item() / down.shape[0]

    def _tensor(self, key: str, device: torch.device) -> torch.Tensor:
        # float() first: it copies out of the mapped file, from which a GPU copies slowly.
        tensor: torch.Tensor = self._file.get_tensor(key).float().to(device)
        return tensor

    def _read_changes(self) -> dict[str, Change]:
        found: dict[str, dict[str, str]] = {}
        for key in self._file.keys():  # noqa: SIM118  # it cannot be iterated over
            name, part = self._parse(key)
            found.setdefault(name, {})[part] = key
        return {name: Change(**parts) for name, parts in found.items()}

    def _parse(self, key: str) -> tuple[str, str]:
        prefix = next(filter(key.startswith, PREFIXES), "")
        base, dot, last = key.removeprefix(prefix).rpartition(".")
        if last == "weight":
            base, dot, last = base.removesuffix(ADAPTER).rpartition(".")
            last += ".weight"
        if dot + last not in PARTS:
            raise CheckpointError(f"the adapter {self._name} has an unknown layout: {key}.")
        part, ending = PARTS[dot + last]
        return base + ending, part

    def _half_a_pair(self) -> CheckpointError:
        return CheckpointError(f"the adapter {self._name} lacks one matrix of a pair.")

    def _of_another_model(self, name: str) -> CheckpointError:
        return CheckpointError(
            f"the adapter {self._name} is for another model: {name} does not fit.",
            hint=OTHER_CHECKPOINT,
        )
