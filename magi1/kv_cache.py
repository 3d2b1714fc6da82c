"""Keys and values of clean chunks, for as long as a later chunk will look at them."""

import torch

KeysValues = tuple[torch.Tensor, torch.Tensor]
"""Keys and values of one layer, each [B, S, key_value_heads, head_dim]; keys are rotated."""


class KVCache:
    """Holds chunks by their number in the video.

    Which chunks are worth keeping is the schedule's to say (``ChunkSchedule.first_needed``): the
    sampler calls ``forget`` after every step, so that memory does not grow with the video.
    """

    def __init__(self) -> None:
        self._chunks: dict[int, dict[int, KeysValues]] = {}

    @property
    def chunks(self) -> list[int]:
        """The chunks held, oldest first."""
        return sorted(self._chunks)

    @property
    def num_bytes(self) -> int:
        """Memory held."""
        layers = (layer for chunk in self._chunks.values() for layer in chunk.values())
        return sum(tensor.nbytes for layer in layers for tensor in layer)

    def write(self, layer: int, chunk: int, keys: torch.Tensor, values: torch.Tensor) -> None:
        """Keep one chunk's part of a layer; a copy, so that no larger tensor stays alive."""
        self._chunks.setdefault(chunk, {})[layer] = (keys.clone(), values.clone())

    def read(self, layer: int, first: int, stop: int) -> list[KeysValues]:
        """A layer's keys and values of the chunks ``first`` to ``stop`` (exclusive), in order.

        Raises:
            KeyError: one of them was never written or is forgotten.
        """
        return [self._chunks[chunk][layer] for chunk in range(first, stop)]

    def forget(self, before: int) -> None:
        """Free the chunks that come before chunk ``before``."""
        for chunk in [chunk for chunk in self._chunks if chunk < before]:
            del self._chunks[chunk]
