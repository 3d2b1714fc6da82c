"""Attention of MAGI-1: self-attention over chunks and cross-attention to captions, in parallel.

Source: arXiv 2505.13211, section 2.2; ``FullyParallelAttention`` and ``attn_linear_proj`` in
SandAI-org/MAGI-1, inference/model/dit/dit_module.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.functional import scaled_dot_product_attention

from magi1.configuration import TransformerConfig
from magi1.kv_cache import KVCache
from magi1.normalization import HighPrecisionLinear, MagiLayerNorm
from magi1.rope import Rotary, apply_rotary

_TRAINING_RANKS = 8
"""The models were trained on 8 tensor-parallel ranks, which shows in the order of ``to_out``."""


@dataclass(frozen=True)
class ChunkLayout:
    """Which chunks a forward pass holds, and what each of them looks at.

    Chunks are numbered from the start of the video. The pass holds ``len(kv_ranges)`` of them,
    from ``first`` on; chunk i of them attends to the chunks ``kv_ranges[i]`` (start, stop), those
    before ``first`` out of the cache. The keys of the chunks in ``store`` are put into it.
    """

    first: int
    kv_ranges: tuple[tuple[int, int], ...]
    store: range = range(0)

    @property
    def num_chunks(self) -> int:
        """Chunks in the pass."""
        return len(self.kv_ranges)

    @property
    def first_visible(self) -> int:
        """The oldest chunk that any of them attends to."""
        return min(self.first, *(start for start, _ in self.kv_ranges))


ALONE = ChunkLayout(first=0, kv_ranges=((0, 1),))
"""A chunk on its own: the first of a video, which sees nothing but itself."""


class MagiAttention(nn.Module):
    """One normed input gives the queries of both attentions; their results are projected once."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        dim, self.head_dim = config.hidden_size, config.attention_head_dim
        query_dim = config.num_attention_heads * self.head_dim
        key_dim = config.num_key_value_heads * self.head_dim
        self.norm = nn.LayerNorm(dim, eps=config.norm_eps)
        self.to_q = nn.Linear(dim, query_dim, bias=False)
        self.to_k = nn.Linear(dim, key_dim, bias=False)
        self.to_v = nn.Linear(dim, key_dim, bias=False)
        self.to_text_q = nn.Linear(dim, query_dim, bias=False)
        self.to_text_kv = nn.Linear(int(dim * config.caption_ratio), 2 * key_dim, bias=False)
        self.norm_q = self._head_norm(config)
        self.norm_k = self._head_norm(config)
        self.norm_text_q = self._head_norm(config)
        self.norm_text_k = self._head_norm(config)
        self.to_out = HighPrecisionLinear(2 * query_dim, dim)

    @staticmethod
    def _head_norm(config: TransformerConfig) -> MagiLayerNorm:
        return MagiLayerNorm(
            config.attention_head_dim, config.norm_eps, zero_centered=config.zero_centered_norm
        )

    def forward(
        self,
        x: torch.Tensor,
        captions: Sequence[torch.Tensor],
        rotary: Rotary,
        layout: ChunkLayout,
        cache: KVCache | None,
        layer: int,
    ) -> torch.Tensor:
        """Attend to chunks and captions.

        Args:
            x: shape [B, S, D], S the patches of all chunks.
            captions: one [L, text_dim] for each chunk of each video, those of a video together.
            rotary: positions of the S patches.
            layout: what the chunks attend to.
            cache: where earlier chunks are; None where there are none.
            layer: this layer's number, for the cache.

        Returns:
            Shape [B, S, D], float32.
        """
        x = self.norm(x)
        own = self._self_attention(x, rotary, layout, cache, layer)
        text = self._cross_attention(x, captions, layout.num_chunks)
        attended: torch.Tensor = self.to_out(interleave_heads(own, text))
        return attended.float()

    def _self_attention(
        self,
        x: torch.Tensor,
        rotary: Rotary,
        layout: ChunkLayout,
        cache: KVCache | None,
        layer: int,
    ) -> torch.Tensor:
        queries = self._rotated(self.to_q(x), self.norm_q, rotary).chunk(layout.num_chunks, dim=1)
        keys = self._rotated(self.to_k(x), self.norm_k, rotary).chunk(layout.num_chunks, dim=1)
        values = self._heads(self.to_v(x)).chunk(layout.num_chunks, dim=1)
        visible = list(zip(keys, values, strict=True))
        if cache is not None:
            visible = cache.read(layer, layout.first_visible, layout.first) + visible
            for chunk in layout.store:
                index = chunk - layout.first
                cache.write(layer, chunk, keys[index], values[index])
        all_keys, all_values = (torch.cat(parts, dim=1) for parts in zip(*visible, strict=True))
        size = keys[0].shape[1]
        attended = []
        for query, (start, stop) in zip(queries, layout.kv_ranges, strict=True):
            seen = slice(
                (start - layout.first_visible) * size, (stop - layout.first_visible) * size
            )
            attended.append(attend(query, all_keys[:, seen], all_values[:, seen]))
        return torch.cat(attended, dim=1)

    def _cross_attention(
        self, x: torch.Tensor, captions: Sequence[torch.Tensor], num_chunks: int
    ) -> torch.Tensor:
        queries = self.norm_text_q(self._heads(self.to_text_q(x)))
        by_chunk = torch.unflatten(queries, 1, (num_chunks, -1)).flatten(0, 1)
        attended = []
        for query, caption in zip(torch.split(by_chunk, 1), captions, strict=True):
            # A head's keys and values lie side by side.
            keys, values = self._heads(self.to_text_kv(caption)[None], 2).chunk(2, dim=-1)
            attended.append(attend(query, self.norm_text_k(keys), values))
        return torch.cat(attended).reshape(x.shape[0], x.shape[1], -1)

    def _heads(self, x: torch.Tensor, per_head: int = 1) -> torch.Tensor:
        return torch.unflatten(x, -1, (-1, per_head * self.head_dim))

    def _rotated(self, x: torch.Tensor, norm: MagiLayerNorm, rotary: Rotary) -> torch.Tensor:
        """Norm and rotation in float32; the result in the format of ``x``."""
        return apply_rotary(norm(self._heads(x).float()), rotary).to(x.dtype)


def attend(query: torch.Tensor, keys: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """Scaled dot-product attention of [B, S, heads, head_dim]; the heads side by side, [B, S, D].

    Where there are fewer heads of keys than of queries, neighbouring queries share one.
    """
    attended = scaled_dot_product_attention(
        query.transpose(1, 2),
        keys.transpose(1, 2),
        values.transpose(1, 2),
        enable_gqa=query.shape[2] != keys.shape[2],
    )
    return attended.transpose(1, 2).flatten(2)


def interleave_heads(own: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
    """Put both results into the order of ``to_out``: an eighth of each in turn.

    It is the rearrangement "(n hn hd) -> (hn n hd)" with n=2, hn=8. [B, S, D] twice to
    [B, S, 2 D].
    """
    both = torch.unflatten(torch.stack([own, text], dim=2), -1, (_TRAINING_RANKS, -1))
    return both.transpose(2, 3).flatten(2)
