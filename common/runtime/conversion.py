"""Weights whose files were not written from their model: other names, several tensors for one.

A loader asks a conversion which tensors of the model the stored ones make, and makes each when it
is its turn: what is read for one is let go before the next.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from common.runtime.safetensors_format import Entry
from common.runtime.safetensors_reader import DTYPES, TensorReader

Make = Callable[[Sequence[torch.Tensor], torch.dtype], torch.Tensor]
"""From the stored tensors, on the device, to the model's in the dtype that it is kept in."""


@dataclass(frozen=True)
class Weight:
    """One tensor of a model: its name and shape there, and the stored ones that make it.

    Without ``make`` it is its only part, as it is but for the dtype.
    """

    name: str
    shape: tuple[int, ...]
    parts: tuple[Entry, ...]
    make: Make | None = None

    @property
    def stored_dtype(self) -> torch.dtype:
        """Of the first part."""
        return DTYPES[self.parts[0].dtype]

    def read(self, reader: TensorReader, dtype: torch.dtype, *, scratch: bool) -> torch.Tensor:
        """The tensor in ``dtype``; ``scratch`` as in ``TensorReader``. Raises CheckpointError."""
        if self.make is None:
            return reader.read(self.parts[0], dtype, scratch=scratch)
        return self.make([reader.read(part) for part in self.parts], dtype)

    def skip(self, reader: TensorReader) -> None:
        """Nobody wants it."""
        for part in self.parts:
            reader.skip(part)


Conversion = Callable[[Sequence[Entry]], Sequence[Weight]]
"""What stored tensors make, in the order in which they are best read. A name that it does not know
it passes on, for the loader to name it. Raises DamagedFile where a part is missing."""


def as_stored(entries: Sequence[Entry]) -> list[Weight]:
    """The conversion of files that were written from their model."""
    return [Weight(entry.name, entry.shape, (entry,)) for entry in entries]
