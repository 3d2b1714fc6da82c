"""LoRAs beside the weights, for one job: a layer's output gets what each adds to it.

Nothing of the model is changed, whatever scheme its weights are kept in: y + s B A x. So a job
without them is made exactly as if there had never been any, and nothing has to be loaded anew. They
cost two thin products a layer and step.
"""

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


@dataclass
class _Addend:
    """What one LoRA adds to one layer: ``down`` [rank, in], ``up`` [out, rank]."""

    down: torch.Tensor
    up: torch.Tensor

    def __call__(
        self, _layer: nn.Module, given: tuple[torch.Tensor, ...], output: torch.Tensor
    ) -> torch.Tensor:
        (hidden,) = given
        if self.down.device != hidden.device or self.down.dtype != hidden.dtype:
            self.down, self.up = (each.to(hidden) for each in (self.down, self.up))
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
    def applied(self, transformer: Any, loras: Sequence[Any]) -> Iterator[None]:
        """Each of ``loras`` (``name``, ``strength``) counts inside of the block.

        Raises:
            CheckpointError: one is missing, damaged, for another model, or changes what only fusing
                can change.
            SettingsError: the blocks are compiled, which would not notice them.
        """
        if loras and _compiled(transformer):
            raise SettingsError("LoRAs and COMPILE_BLOCKS do not go together: leave one out.")
        folder = self.folder or Path()
        with ExitStack() as stack:
            for lora in loras:
                file = Lora(folder / f"{lora.name}.safetensors", self.rename)
                for name, down, up in file.pairs():
                    layer = file.layer(transformer, name, (up.shape[0], down.shape[1]))
                    addend = _Addend(down, up * lora.strength)
                    stack.callback(layer.register_forward_hook(addend).remove)
            yield


def with_loras(pipeline: Any, loras: Sequence[Any]) -> AbstractContextManager[None]:
    """What a pipeline, whose ``shelf`` its ``load`` has set, is to be run inside of."""
    return pipeline.shelf.applied(pipeline.transformer, loras) if loras else nullcontext()


def _compiled(transformer: nn.Module) -> bool:
    return any(module._compiled_call_impl is not None for module in transformer.modules())
