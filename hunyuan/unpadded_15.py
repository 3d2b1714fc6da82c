"""Leaves out the padding of a text, which diffusers' attention only masks.

``HunyuanVideo15Transformer3DModel`` always has 1985 tokens beside the video's, of which a prompt
fills a tenth, and hides the rest by a mask of all tokens by all tokens: 13 GB at 1280x720 and 121
frames, several times over and made anew in each block, and no attention kernel that is fast takes
one. It puts the valid tokens in front, so that what is left of them can be cut off instead: the
tokens of the video get the same sums, up to their rounding. Written against diffusers 0.42.1,
models/transformers/transformer_hunyuan_video15.py.
"""

from typing import Any

import common.runtime.libraries  # noqa: F401

import torch
from diffusers.models.attention_dispatch import dispatch_attention_fn
from diffusers.models.embeddings import apply_rotary_emb


class WholeAttention:
    """Attention of all tokens to all: the mask that it is given is not looked at."""

    _parallel_config = None

    def __init__(self, backend: Any) -> None:
        self._attention_backend = backend

    def __call__(
        self,
        attn: Any,
        hidden_states: torch.Tensor,
        encoder_hidden_states: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        image_rotary_emb: tuple[torch.Tensor, torch.Tensor] | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Of the video's tokens [1, N, D] and the text's [1, M, D]; each as it came."""
        del attention_mask
        video, text = hidden_states, encoder_hidden_states
        queries = attn.norm_q(_heads(attn, attn.to_q(video)))
        keys = attn.norm_k(_heads(attn, attn.to_k(video)))
        if image_rotary_emb is not None:
            queries = apply_rotary_emb(queries, image_rotary_emb, sequence_dim=1)
            keys = apply_rotary_emb(keys, image_rotary_emb, sequence_dim=1)
        text_queries = attn.norm_added_q(_heads(attn, attn.add_q_proj(text)))
        text_keys = attn.norm_added_k(_heads(attn, attn.add_k_proj(text)))
        values = torch.cat([attn.to_v(video), attn.add_v_proj(text)], dim=1)
        attended = dispatch_attention_fn(
            torch.cat([queries, text_queries], dim=1),
            torch.cat([keys, text_keys], dim=1),
            _heads(attn, values),
            backend=self._attention_backend,
        )
        both = attended.flatten(2, 3).to(queries.dtype)
        video, text = both.split([video.shape[1], text.shape[1]], dim=1)
        return attn.to_out[0](video), attn.to_add_out(text)


def _heads(attn: Any, tokens: torch.Tensor) -> torch.Tensor:
    """[1, N, D] to [1, N, heads, D / heads]."""
    batch, length, _ = tokens.shape
    return tokens.reshape(batch, length, attn.heads, -1)


def leave_out_padding(transformer: Any) -> None:
    """Do so in every call of the transformer from now on; it takes one request at a time."""
    for block in transformer.transformer_blocks:
        backend = getattr(block.attn.processor, "_attention_backend", None)
        block.attn.processor = WholeAttention(backend)
    transformer.transformer_blocks[0].register_forward_pre_hook(_without_padding)


def _without_padding(_block: Any, given: tuple[Any, ...]) -> tuple[Any, ...]:
    """Of what the first block is given; the others are given its text.

    Where blocks are compiled the first becomes two graphs here, and the compiler's log says so.
    """
    video, text, timestep, mask, *others = given
    return (video, text[:, : int(mask[0].sum())], timestep, mask, *others)
