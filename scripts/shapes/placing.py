"""Lets a small transformer know from the first step where in the clip a token is.

Rotary embeddings tell how far two tokens are apart, and nothing of where they are: before noise
alone all tokens are alike, and whoever has to paint a shape in the middle knows no middle. But no
two tokens have the same noise. A head that looks at what is left of a token finds, where nothing is
left of it, the token itself. So six heads look beyond, a seventh at the token, and what they find
is compared: where there is no difference, there is an edge.
"""

from dataclasses import dataclass

import common.runtime.libraries  # noqa: F401

import torch
from diffusers import WanTransformer3DModel

from scripts.shapes.beginnings import hold_rows

EDGES = 6
"""Left, right, upper, lower, first and last: one head each looks there, the next one nowhere."""
COMPARED = 12
"""Features of a token that are compared. Noise makes them differ: more of them are surer."""
STEEP = 2.0
"""Of the two units that find the size of a difference, one for each sign."""
DEAF = -0.3
"""Their bias: what is nearly no difference is none."""

LOUD = 4.0
"""Of the flags: they are six numbers beside all that tells the noise, which grows."""


@dataclass(frozen=True)
class Rows:
    """Which numbers of a token hold what: all differences, six flags, and then what it is."""

    width: int
    """Of a head."""

    @property
    def compared(self) -> int:
        """Differences of one head."""
        return min(COMPARED, self.width)

    @property
    def flags(self) -> int:
        """Where the flags begin."""
        return EDGES * self.compared

    @property
    def told(self) -> int:
        """Where the embedding of the token itself begins."""
        return self.flags + EDGES


@torch.no_grad()
def begin_placed(transformer: WanTransformer3DModel) -> None:
    """Make the first block find the edges: a flag's row is above 0 inside, below at its edge.

    Its heads look beyond already, ``begin_near``. The block is not trained: each step of an
    optimizer that moves all directions alike would take away what is so exact.
    """
    rows, block = Rows(transformer.config.attention_head_dim), transformer.blocks[0]
    out, narrow, embedding = block.attn1.to_out[0], block.ffn.net[2], transformer.patch_embedding
    for layer in (embedding, out, block.attn2.to_out[0], narrow):
        layer.weight[: rows.told] = 0
        layer.bias[: rows.told] = 0
    block.attn1.to_q.weight.zero_()
    block.attn1.to_k.weight.zero_()
    _show(block.attn1.to_v, rows)
    _compare(out, rows)
    _measure(block.ffn.net[0].proj, narrow, rows)
    block.requires_grad_(False)
    hold_rows(embedding, rows.told)


def _show(values: torch.nn.Linear, rows: Rows) -> None:
    """Let seven heads show the same features."""
    features = torch.empty(rows.compared, values.in_features - rows.told)
    torch.nn.init.orthogonal_(features)
    for head in range(EDGES + 1):
        shown = slice(head * rows.width, head * rows.width + rows.compared)
        values.weight[shown] = 0
        values.weight[shown, rows.told :] = features
        values.bias[shown] = 0


def _compare(out: torch.nn.Linear, rows: Rows) -> None:
    """What each head shows, less what the head at the token shows."""
    for head in range(EDGES):
        for each in range(rows.compared):
            row = head * rows.compared + each
            out.weight[row, head * rows.width + each] = 1
            out.weight[row, EDGES * rows.width + each] = -1


def _measure(widen: torch.nn.Linear, narrow: torch.nn.Linear, rows: Rows) -> None:
    """The mean size of a head's differences, in its flag."""
    narrow.bias[rows.flags : rows.told] = -LOUD
    for row in range(rows.flags):
        for unit, steep in ((2 * row, STEEP), (2 * row + 1, -STEEP)):
            widen.weight[unit] = 0
            widen.weight[unit, row] = steep
            widen.bias[unit] = DEAF
            narrow.weight[:, unit] = 0
            narrow.weight[rows.flags + row // rows.compared, unit] = LOUD / rows.compared
