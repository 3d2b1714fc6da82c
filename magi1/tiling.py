"""Runs a video autoencoder tile by tile, and blends the tiles where they overlap.

Geometry and blending are those of ``TileProcessor`` in SandAI-org/MAGI-1,
inference/infra/parallelism/tile_parallel.py. Two of its habits are kept because they change
numbers: tiles of pixels are placed before, tiles of latents after the division by the
compression; and an encoded tile is blended with neighbours that are blended already, a decoded
one with neighbours as they were decoded.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product

import torch

TileFunction = Callable[[torch.Tensor], torch.Tensor]
Index = tuple[int, ...]


@dataclass(frozen=True)
class Axis:
    """How one axis is cut into tiles, and how their results are put together.

    ``size`` and ``stride`` count what goes in, ``blend`` and ``keep`` what comes out: pixels and
    latents when encoding, latents and pixels when decoding.
    """

    dim: int
    size: int
    stride: int
    blend: int
    keep: int

    def starts(self, length: int) -> range:
        """Where the tiles of an axis of this length begin."""
        return range(0, length, self.stride)


@dataclass(frozen=True)
class Tiling:
    """Sizes of a tile in pixels and frames; shares of it that overlap the next one.

    The sizes are the official ones: 256 pixels, and half a second of frames at 24 fps
    (SandAI-org/MAGI-1, inference/pipeline/video_process.py). ``spatial=False`` cuts along time
    only.
    """

    frames: int = 12
    height: int = 256
    width: int = 256
    spatial_overlap: float = 0.25
    temporal_overlap: float = 0.0
    spatial: bool = True

    def encoding(self, frames: int, pixels: int) -> list[Axis]:
        """Axes of a video that an encoder compresses by ``frames`` and ``pixels``."""
        return [
            _encoding_axis(dim, size, factor, overlap)
            for dim, size, factor, overlap in self._axes(frames, pixels)
        ]

    def decoding(self, frames: int, pixels: int) -> list[Axis]:
        """Axes of latents that a decoder expands by ``frames`` and ``pixels``."""
        return [
            _decoding_axis(dim, size // factor, factor, overlap)
            for dim, size, factor, overlap in self._axes(frames, pixels)
        ]

    def _axes(self, frames: int, pixels: int) -> list[tuple[int, int, int, float]]:
        axes = [(2, self.frames, frames, self.temporal_overlap)]
        if self.spatial:
            axes.append((3, self.height, pixels, self.spatial_overlap))
            axes.append((4, self.width, pixels, self.spatial_overlap))
        return axes


def _encoding_axis(dim: int, size: int, factor: int, overlap: float) -> Axis:
    out = size // factor
    blend = int(out * overlap)
    return Axis(dim, size, int(size * (1 - overlap)), blend, out - blend)


def _decoding_axis(dim: int, size: int, factor: int, overlap: float) -> Axis:
    out = size * factor
    blend = int(out * overlap)
    return Axis(dim, size, int(size * (1 - overlap)), blend, out - blend)


def run_tiled(
    video: torch.Tensor, function: TileFunction, axes: Sequence[Axis], *, chained: bool
) -> torch.Tensor:
    """Cut, run ``function`` on every tile, blend, and put together again.

    Args:
        video: pixels or latents, shape [B, C, T, H, W].
        function: encodes or decodes one tile.
        axes: in order of time, height, width; an axis that is left out is not cut.
        chained: blend with neighbours that are blended themselves (encoding), not with what
            ``function`` gave for them (decoding).
    """
    starts = [axis.starts(video.shape[axis.dim]) for axis in axes]
    indices = list(product(*(range(len(begin)) for begin in starts)))
    tiles = {index: function(_cut(video, axes, starts, index)) for index in indices}
    parts = {}
    for index in indices:
        blended = _blended(tiles, axes, index)
        if chained:
            tiles[index] = blended
        parts[index] = _cropped(blended, axes)
    return _joined(parts, axes, [len(begin) for begin in starts])


def _cut(
    video: torch.Tensor, axes: Sequence[Axis], starts: Sequence[range], index: Index
) -> torch.Tensor:
    for axis, begin, position in zip(axes, starts, index, strict=True):
        start = begin[position]
        length = min(axis.size, video.shape[axis.dim] - start)
        video = video.narrow(axis.dim, start, length)
    return video


def _blended(tiles: dict[Index, torch.Tensor], axes: Sequence[Axis], index: Index) -> torch.Tensor:
    tile = tiles[index]
    for place, axis in enumerate(axes):
        if index[place] > 0:
            before = tiles[(*index[:place], index[place] - 1, *index[place + 1 :])]
            tile = _blend(before, tile, axis)
    return tile


def _blend(before: torch.Tensor, tile: torch.Tensor, axis: Axis) -> torch.Tensor:
    """Fade from the end of ``before`` into the beginning of ``tile``; the first weight is 0."""
    dim = axis.dim
    extent = min(before.shape[dim], tile.shape[dim], axis.blend)
    if extent == 0:
        return tile
    weight = torch.arange(extent, device=tile.device) / extent
    weight = weight.view(-1, *(1,) * (tile.ndim - 1 - dim))
    old = before.narrow(dim, before.shape[dim] - extent, extent)
    fresh = tile.narrow(dim, 0, extent)
    mixed = (old * (1 - weight) + fresh * weight).to(tile.dtype)
    return torch.cat([mixed, tile.narrow(dim, extent, tile.shape[dim] - extent)], dim=dim)


def _cropped(tile: torch.Tensor, axes: Sequence[Axis]) -> torch.Tensor:
    for axis in axes:
        tile = tile.narrow(axis.dim, 0, min(axis.keep, tile.shape[axis.dim]))
    return tile


def _joined(
    parts: dict[Index, torch.Tensor],
    axes: Sequence[Axis],
    counts: Sequence[int],
    index: Index = (),
) -> torch.Tensor:
    if len(index) == len(axes):
        return parts[index]
    place = len(index)
    pieces = [_joined(parts, axes, counts, (*index, n)) for n in range(counts[place])]
    return torch.cat(pieces, dim=axes[place].dim)
