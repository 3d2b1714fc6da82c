"""LoRAs beside the weights, for one job: a layer's output gets what each adds to it.

Nothing of the model is changed, whatever scheme its weights are kept in: y + s B A x. So a job
without them is made exactly as if there had never been any, and nothing has to be loaded anew. They
cost two thin products a layer and step.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from common.base.settings import SettingsError
from common.contract import LoadOptions
from common.runtime.lora import Lora, Rename

FOLDER = "loras"

_HIGH, _LOW = (
    re.compile(rf"{word}[_.-]?noise|[_.-]{word}$", re.IGNORECASE) for word in ("high", "low")
)
"""How names say which of two transformers a LoRA is for: ``x_high_noise_v2``, ``x-LowNoise``,
``x_high``. So do published pairs; nothing inside of the files tells."""


@dataclass
class _Addend:
    """What one LoRA adds to one layer: ``scale`` times ``down`` [rank, in], ``up`` [out, rank].

    In the file's own number format until the layer is first used: as large as the file is.
    """

    down: torch.Tensor
    up: torch.Tensor
    scale: float

    def __call__(
        self, _layer: nn.Module, given: tuple[torch.Tensor, ...], output: torch.Tensor
    ) -> torch.Tensor:
        hidden = given[0][..., : self.down.shape[1]]  # a layer in NF4 may be given padding
        if self.down.device != hidden.device or self.down.dtype != hidden.dtype or self.scale != 1:
            scaled = self.up.to(hidden.device).float() * self.scale
            self.down, self.up, self.scale = self.down.to(hidden), scaled.to(hidden), 1.0
        added = functional.linear(functional.linear(hidden, self.down), self.up)
        return output + added.to(output.dtype)


@dataclass(frozen=True)
class Shelf:
    """Where a service's LoRAs are, and how their names become those of its transformer."""

    folder: Path | None
    rename: Rename

    @classmethod
    def of(cls, options: LoadOptions, rename: Rename) -> "Shelf":
        """The one of the models volume."""
        return cls(options.models_dir and options.models_dir / FOLDER, rename)

    @contextmanager
    def applied(self, transformer: Any, loras: Sequence[Any], second: Any = None) -> Iterator[None]:
        """Each of ``loras`` (``name``, ``strength``) counts inside of the block.

        Args:
            transformer: that they are for.
            loras: of the request.
            second: a transformer for low noise, where ``transformer`` is for high noise only. One
                whose name says neither counts in both, and its tensors are there once.

        Raises:
            CheckpointError: one is missing, damaged, for another model, or changes what only fusing
                can change.
            SettingsError: the blocks are compiled, which would not notice them.
        """
        experts = [each for each in (transformer, second) if each is not None]
        if loras and any(map(_compiled, experts)):
            raise SettingsError("LoRAs and COMPILE_BLOCKS do not go together: leave one out.")
        folder = self.folder or Path()
        with ExitStack() as stack:
            for lora in loras:
                file = Lora(folder / f"{lora.name}.safetensors", self.rename)
                meant = experts if second is None else _meant(lora.name, experts)
                _put_beside(stack, meant, file, lora.strength)
            yield


@contextmanager
def beside(transformer: Any, file: Lora) -> Iterator[None]:
    """A LoRA of a checkpoint's own counts at strength 1 inside of the block. Raises as ``applied``.

    Args:
        transformer: that it is for.
        file: opened with the names of ``transformer``.
    """
    if _compiled(transformer):
        raise SettingsError("LoRAs and COMPILE_BLOCKS do not go together: leave one out.")
    with ExitStack() as stack:
        _put_beside(stack, [transformer], file, 1.0)
        yield


def _put_beside(stack: ExitStack, meant: Sequence[Any], file: Lora, strength: float) -> None:
    for name, down, up, scale in file.pairs():
        addend = _Addend(down, up, scale * strength)
        for expert in meant:
            layer = file.layer(expert, name, (up.shape[0], down.shape[1]))
            stack.callback(layer.register_forward_hook(addend).remove)


def with_loras(pipeline: Any, loras: Sequence[Any]) -> AbstractContextManager[None]:
    """What a pipeline, whose ``shelf`` its ``load`` has set, is to be run inside of."""
    if not loras:
        return nullcontext()
    second = getattr(pipeline, "transformer_2", None)
    applied: AbstractContextManager[None] = pipeline.shelf.applied(
        pipeline.transformer, loras, second
    )
    return applied


def _meant(name: str, experts: Sequence[Any]) -> Sequence[Any]:
    """Of (for high noise, for low noise) those that a LoRA of this name is for."""
    high, low = _HIGH.search(name), _LOW.search(name)
    if bool(high) is bool(low):
        return experts
    return experts[:1] if high else experts[1:]


def _compiled(transformer: nn.Module) -> bool:
    return any(module._compiled_call_impl is not None for module in transformer.modules())
