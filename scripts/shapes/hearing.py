"""Lets a small transformer hear all words of a prompt alike, and none of its padding.

The pipelines pad prompts to 512 rows of zeros and attend to them. Whatever cross-attention looks at
such a row is the same for every prompt, which is a shelter from words that mean nothing yet: after
some hundred steps 99 % of it lay there, and no word was learnt any more. So it is not left to
training where cross-attention looks: at the mean of the words. What is said by which word, and next
to which, is the text encoder's to find out.
"""

import common.runtime.libraries  # noqa: F401

import torch
from diffusers import WanTransformer3DModel
from diffusers.models.transformers.transformer_wan import WanAttention

from scripts.shapes.beginnings import hold_rows

FELT = 32
"""Directions in which a word is felt, each by a unit for either sign."""
STEEP = 4.0
DEAF = -0.3
"""Weight and bias of those units: a row of zeros is felt in none."""
LEAST = 1.0
"""Of what a word is felt as; it is 2 to 3."""
SURE = 1.5
"""Scale of queries and keys: a word weighs e^25 times what a row of zeros does."""

LOUD = 3.0
"""Of values, and of what they become: words are heard beside the noise, which grows."""


@torch.no_grad()
def begin_hearing(transformer: WanTransformer3DModel) -> None:
    """Make the embedding tell words from zeros, and keys be that alone."""
    embedder = transformer.condition_embedder.text_embedder
    first, second = embedder.linear_1, embedder.linear_2
    ways = torch.nn.init.orthogonal_(torch.empty(FELT, first.in_features))
    first.weight[: 2 * FELT] = STEEP * torch.cat([ways, -ways])
    first.bias[: 2 * FELT] = DEAF
    second.weight[0] = 0
    second.weight[0, : 2 * FELT] = 1 / FELT
    second.bias[0] = -LEAST
    hold_rows(first, 2 * FELT)
    hold_rows(second, 1)
    for block in transformer.blocks:
        _look_at_words(block.attn2, transformer.config.attention_head_dim)


def _look_at_words(attention: WanAttention, width: int) -> None:
    """Queries are the same everywhere; keys are the first number of the embedding."""
    for layer in (attention.to_q, attention.to_k):
        layer.weight.zero_()
        layer.bias.zero_()
        layer.requires_grad_(False)
    for layer in (attention.to_v, attention.to_out[0]):
        layer.weight.mul_(LOUD)
    attention.to_q.bias[::width] = 1
    attention.to_k.weight[::width, 0] = 1
    for norm in (attention.norm_q, attention.norm_k):
        norm.weight.fill_(SURE)
        norm.requires_grad_(False)
