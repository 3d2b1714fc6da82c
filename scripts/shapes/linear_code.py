"""Latents by a formula: what an encoder is taught to say, and a decoder to understand.

Trained together from nothing, the two halves of an autoencoder wait for each other for hours. So
each is trained alone, against a code that is best among the linear ones: principal components of
blocks of pixels, of what stays in four frames and of what changes in them.
"""

from dataclasses import asdict, dataclass
from pathlib import Path

import common.runtime.libraries  # noqa: F401

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch.nn import functional

_SIDE = "side"
FRAMES = 4
"""In a latent, after a first one of its own."""
MOVING_SHARE = 3
"""One in so many channels tells what changes."""
USED = (6, 0)
"""Channels of both kinds that are used: a transformer as narrow as these has to carry the noise of
each. 24 of Wan 2.2's 48 are worth 26.1 dB, these six 22.6, and whatever is asked of a clip is still
found in what they say."""


@dataclass(frozen=True)
class LinearCode:
    """Orthonormal components of blocks of ``side`` x ``side`` pixels, and their spread."""

    side: int
    mean: torch.Tensor
    """[D], D = 3 side²."""
    staying: torch.Tensor
    """[D, S]."""
    moving: torch.Tensor
    """[4 D, M]; S + M are the latent channels."""
    spread: torch.Tensor
    """[S + M], of the coefficients."""

    @property
    def used(self) -> torch.Tensor:
        """[S + M], bool: which channels are not always zero."""
        return torch.cat([self.staying.any(0), self.moving.any(0)])

    def encode(self, clips: torch.Tensor) -> torch.Tensor:
        """Latents [B, S + M, T', H', W'] of clips [B, 3, T, H, W], T = 4 (T' - 1) + 1."""
        first, rest = clips[:, :, :1], clips[:, :, 1:]
        pieces = [
            self._code(first),
            *(self._code(piece) for piece in torch.split(rest, FRAMES, 2) if rest.shape[2]),
        ]
        return torch.cat(pieces, 2)

    def _code(self, frames: torch.Tensor) -> torch.Tensor:
        """Of one or four frames."""
        batch, _, _, height, width = frames.shape
        blocks = blocks_of(frames, self.side)
        middle = blocks.mean(1)
        stays = (middle - self.mean) @ self.staying
        moves = torch.zeros(len(blocks), self.moving.shape[1])
        if blocks.shape[1] == FRAMES:
            moves = (blocks - middle[:, None]).flatten(1) @ self.moving
        code = torch.cat([stays, moves], 1) / self.spread
        rows, columns = height // self.side, width // self.side
        return code.view(batch, rows, columns, -1).permute(0, 3, 1, 2)[:, :, None]


def blocks_of(frames: torch.Tensor, side: int) -> torch.Tensor:
    """[B H' W', T, 3 side²] of frames [B, 3, T, H, W]."""
    batch, channels, number, height, width = frames.shape
    flat = frames.transpose(1, 2).reshape(batch * number, channels, height, width)
    blocks = functional.pixel_unshuffle(flat, side)
    size = blocks.shape[1]
    return blocks.view(batch, number, size, -1).permute(0, 3, 1, 2).reshape(-1, number, size)


def fit(clips: torch.Tensor, side: int, channels: int) -> LinearCode:
    """From clips of four frames, [B, 3, 4, H, W]. Random: ``torch.manual_seed``."""
    blocks = blocks_of(clips, side)
    middle = blocks.mean(1)
    changes = (blocks - middle[:, None]).flatten(1)
    moving = channels // MOVING_SHARE
    mean = middle.mean(0)
    _, _, staying = torch.pca_lowrank(middle - mean, channels - moving, center=False, niter=4)
    _, _, changing = torch.pca_lowrank(changes, moving, center=False, niter=4)
    spread = torch.cat([((middle - mean) @ staying).std(0), (changes @ changing).std(0)])
    for components, used in zip((staying, changing), USED, strict=True):
        components[:, used:] = 0
    return LinearCode(side, mean, staying, changing, spread)


def save(code: LinearCode, file: Path) -> None:
    """To be read by ``read``: on another machine a fit finds other components that are as good."""
    tensors = {name: value.contiguous() for name, value in asdict(code).items() if name != _SIDE}
    save_file(tensors, file, {_SIDE: str(code.side)})


def read(file: Path) -> LinearCode:
    """What ``save`` wrote."""
    with safe_open(file, framework="pt") as stored:
        tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
        return LinearCode(side=int(stored.metadata()[_SIDE]), **tensors)
