"""How a small transformer begins, beside the weights that its library draws."""

import math
from collections.abc import Sequence

import common.runtime.libraries  # noqa: F401

import torch
from diffusers import WanTransformer3DModel

PATCH = 4
"""Latents in a token, 2x2."""
GATES = [2, 5]
"""Rows of a block's table: how much of its attention and of its feed-forward layer is added."""
NEAR = (6.0, 2.0)
"""How much of queries and keys is for places, beside content of a standard deviation near 1: in the
first block, and in the others."""
SHARP = (3.0, 1.4)
"""Scale of queries and keys: in the first block a head looks at one place, in the others a
neighbour has a few times the weight of the next one."""
ITSELF = (0, 0, 0)
OFFSETS = ((0, 0, -1), (0, 0, 1), (0, -1, 0), (0, 1, 0), (-1, 0, 0), (1, 0, 0), ITSELF, ITSELF)
"""Where the heads look at first, in tokens of time, height and width."""


@torch.no_grad()
def begin_open(transformer: WanTransformer3DModel, used: torch.Tensor) -> None:
    """Let every block count from the first step, and let unused channels neither in nor out."""
    for block in transformer.blocks:
        block.scale_shift_table[:, GATES] += 1
    transformer.patch_embedding.weight[:, ~used] = 0
    rows = used.repeat(PATCH)
    transformer.proj_out.weight[~rows] = 0
    transformer.proj_out.bias[~rows] = 0


@torch.no_grad()
def begin_near(transformer: WanTransformer3DModel) -> None:
    """Let self-attention begin by looking at neighbours: at itself, before, after, beside, ...

    Rotary embeddings tell places only to queries and keys that have something in common. With
    weights as they usually begin they have next to nothing.
    """
    rotary, heads = transformer.rope, range(transformer.config.num_attention_heads)
    axes = (rotary.t_dim, rotary.h_dim, rotary.w_dim)
    looks = torch.cat([_turned(axes, OFFSETS[head % len(OFFSETS)]) for head in heads])
    for number, block in enumerate(transformer.blocks):
        near, sharp = NEAR[number > 0], SHARP[number > 0]
        block.attn1.to_q.bias += near * looks
        block.attn1.to_k.bias += near * _turned(axes, ITSELF).repeat(len(heads))
        block.attn1.norm_q.weight.fill_(sharp)
        block.attn1.norm_k.weight.fill_(sharp)


def hold_rows(layer: torch.nn.Module, rows: int) -> None:
    """Let no step of training change the first rows of a layer's weights and biases.

    They have no gradient; but a decay takes from all of a matrix, and in a thousand steps leaves
    nothing of them. So they are put back as they were at the first step, at every one.
    """
    for parameter in layer.parameters():
        moved = torch.ones_like(parameter)
        moved[:rows] = 0
        parameter.register_hook(moved.mul)  # type: ignore[no-untyped-call]
        keep = _Held(rows).put_back
        parameter.register_post_accumulate_grad_hook(keep)  # type: ignore[no-untyped-call]


class _Held:
    """Rows as they were when they were seen first."""

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self._kept: torch.Tensor | None = None

    @torch.no_grad()
    def put_back(self, parameter: torch.Tensor) -> None:
        if self._kept is None:
            self._kept = parameter[: self._rows].clone()
        parameter[: self._rows] = self._kept


def _turned(axes: Sequence[int], offset: Sequence[int]) -> torch.Tensor:
    """For one head: as its rotary embedding turns what is so many tokens away.

    Of each axis the two pairs that turn fastest: the others tell neighbours hardly apart.
    """
    found = [torch.zeros(size) for size in axes]
    for part, away in zip(found, offset, strict=True):
        angles = [away * 10000.0 ** (-2 * pair / len(part)) for pair in range(2)]
        turns = [turn(angle) for angle in angles for turn in (math.cos, math.sin)]
        part[: len(turns)] = torch.tensor(turns)
    return torch.cat(found)
