"""Operations of a transformer that attends to a video's tokens and to a text's. No torch here."""

from dataclasses import dataclass

FLOAT32_COST = 2
"""A product in float32 takes as long as two in bfloat16: torch lets convolutions round to
TensorFloat-32, whose rate is half of bfloat16's (NVIDIA's data sheets of Ampere to Blackwell)."""


@dataclass(frozen=True)
class Architecture:
    """Sizes of such a transformer."""

    dim: int
    ffn_dim: int
    num_layers: int


def forward_flops(tokens: int, text_tokens: int, model: Architecture) -> int:
    """Operations of one forward pass, two for each multiply-add.

    A layer has six projections of dim x dim over the video's tokens (self-attention q, k, v, out;
    cross-attention q, out), two over the text's (k, v), and the two matrices of its MLP. Attention
    is two products with every token of the video, and with every token of the text.
    """
    linear = 2 * tokens * (6 * model.dim**2 + 2 * model.dim * model.ffn_dim)
    text = 2 * text_tokens * 2 * model.dim**2
    attention = 4 * tokens * (tokens + text_tokens) * model.dim
    return model.num_layers * (linear + text + attention)
