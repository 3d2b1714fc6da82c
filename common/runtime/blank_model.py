"""A model built as its library builds it, before any weight is read.

What diffusers and transformers do around the reading of files is theirs: names of older files,
what stays in float32, tables computed at start, tied weights. It is called here through the
functions that their own ``from_pretrained`` calls; the tests hold the result against theirs, bit
for bit. Some of those functions are private: the tests are what notices when one moves.
"""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import nn


@dataclass(frozen=True)
class Matched:
    """A file's tensors against a model's.

    ``names`` says what a tensor of the file is called in the model; what is in neither
    ``names`` nor ``unexpected`` is known to be obsolete, and skipped.
    """

    names: Mapping[str, str]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    needs_library: bool = False
    """Tensors must be merged or split: only the library knows how."""


class BlankModel(Protocol):
    """A model whose weights are on meta."""

    module: nn.Module

    def match(self, stored: Collection[str]) -> Matched:
        """Find every stored tensor's place."""

    def dtype_of(self, name: str, stored: torch.dtype) -> torch.dtype:
        """What the tensor ``name`` of the model is kept in, if it is stored as ``stored``."""

    def prepare(self, loaded: Collection[str]) -> None:
        """Before weights come in: compute what no file holds. ``loaded`` are names in the model."""

    def finish(self, loaded: Collection[str]) -> None:
        """After all weights came in: tie what shares one."""


def refuse_quantized(config: Any) -> None:
    """Raise ValueError for a configuration that a library's own quantization wrote."""
    if config:
        raise ValueError("it is quantized already; publish it in bfloat16")


@contextmanager
def default_dtype(dtype: torch.dtype) -> Iterator[None]:
    """Let modules be built in ``dtype``."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)
