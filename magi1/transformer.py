"""The diffusion transformer of MAGI-1: predicts the velocity of several chunks at once.

Source: arXiv 2505.13211, section 2.2; ``VideoDiTModel`` in SandAI-org/MAGI-1,
inference/model/dit/dit_model.py. Each part has its own module: ``attention`` (with the order of
heads), ``rope``, ``embeddings``, ``normalization``, ``kv_cache``.
"""

from collections.abc import Sequence
from typing import ClassVar

import common.runtime.libraries  # noqa: F401

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import nn

from magi1.attention import ALONE, ChunkLayout, MagiAttention
from magi1.configuration import TransformerConfig
from magi1.embeddings import MagiCaptionEmbedding, MagiTimeEmbedding
from magi1.kv_cache import KVCache
from magi1.normalization import MagiFeedForward, MagiLayerNorm, softcap
from magi1.rope import MagiRotaryEmbedding, Rotary


class MagiTransformerBlock(nn.Module):
    """Attention and feed-forward, each gated, normed and added in float32.

    There is no shift or scale before a sub-layer: the condition opens and closes its way out.
    """

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        dim, eps, centered = config.hidden_size, config.norm_eps, config.zero_centered_norm
        self.gates = nn.Linear(int(dim * config.condition_ratio), 2 * dim)
        self.attn = MagiAttention(config)
        self.norm_attn = MagiLayerNorm(dim, eps, zero_centered=centered)
        self.ffn = MagiFeedForward(dim, config.ffn_hidden_size, eps, gated=config.gated_ffn)
        self.norm_ffn = MagiLayerNorm(dim, eps, zero_centered=centered)

    def forward(
        self,
        x: torch.Tensor,
        condition: torch.Tensor,
        captions: Sequence[torch.Tensor],
        rotary: Rotary,
        layout: ChunkLayout,
        cache: KVCache | None,
        layer: int,
    ) -> torch.Tensor:
        """Shape [B, S, D] to the same; ``condition`` is [B, chunks, condition_dim]."""
        gates = softcap(self.gates(nn.functional.silu(condition)))
        gate_attn, gate_ffn = gates.chunk(2, dim=-1)
        attended = self.attn(x, captions, rotary, layout, cache, layer)
        x = _add_gated(x, attended, gate_attn, self.norm_attn)
        return _add_gated(x, self.ffn(x), gate_ffn, self.norm_ffn)


def _add_gated(
    x: torch.Tensor, update: torch.Tensor, gate: torch.Tensor, norm: MagiLayerNorm
) -> torch.Tensor:
    """``x + norm(update * gate)`` in float32, one gate [B, chunks, D] for a chunk's patches."""
    by_chunk = torch.unflatten(update.float(), 1, (gate.shape[1], -1))
    gated = (by_chunk * gate.float().unsqueeze(2)).flatten(1, 2)
    summed: torch.Tensor = norm(gated) + x.float()
    return summed.to(x.dtype)


class MagiTransformer3DModel(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """Takes the fields of ``TransformerConfig`` as keyword arguments.

    Whatever the blocks are in, the modules of ``_keep_in_fp32_modules`` stay float32, as
    ``_high_precision_promoter`` of the official code has it.
    """

    _keep_in_fp32_modules: ClassVar[list[str]] = [
        *("patch_embed", "time_embed", "caption_embed", "rope", "norm_out", "proj_out"),
        *("norm_q", "norm_k", "norm_attn", "norm_ffn"),
    ]
    _no_split_modules: ClassVar[list[str]] = ["MagiTransformerBlock"]

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(
        self,
        num_layers: int = 34,
        hidden_size: int = 3072,
        ffn_hidden_size: int = 12288,
        num_attention_heads: int = 24,
        num_key_value_heads: int = 8,
        attention_head_dim: int = 128,
        in_channels: int = 16,
        out_channels: int = 16,
        patch_size: int = 2,
        patch_size_t: int = 1,
        caption_channels: int = 4096,
        caption_max_length: int = 800,
        caption_ratio: float = 1.0,
        condition_ratio: float = 0.25,
        norm_eps: float = 1e-6,
        zero_centered_norm: bool = True,
        gated_ffn: bool = False,
        double_channels: bool = False,
        latent_rescale: float = 1.0,
    ) -> None:
        super().__init__()
        names = TransformerConfig.__dataclass_fields__
        self.geometry = geometry = TransformerConfig(**{name: self.config[name] for name in names})
        dim, patch = geometry.hidden_size, geometry.patch_size
        self.patch = (geometry.patch_size_t, patch, patch)
        self.patch_embed = nn.Conv3d(
            geometry.in_channels, dim, kernel_size=self.patch, stride=self.patch, bias=False
        )
        condition_dim = int(dim * geometry.condition_ratio)
        self.time_embed = MagiTimeEmbedding(condition_dim)
        self.caption_embed = MagiCaptionEmbedding(
            geometry.caption_channels,
            geometry.caption_max_length,
            int(dim * geometry.caption_ratio),
            condition_dim,
        )
        self.rope = MagiRotaryEmbedding(dim // geometry.num_attention_heads // 8)
        self.blocks = nn.ModuleList(
            MagiTransformerBlock(geometry) for _ in range(geometry.num_layers)
        )
        self.norm_out = MagiLayerNorm(
            dim, geometry.norm_eps, zero_centered=geometry.zero_centered_norm
        )
        patch_values = geometry.patch_size_t * patch * patch
        self.proj_out = nn.Linear(dim, patch_values * geometry.out_channels, bias=False)

    @property
    def block_dtype(self) -> torch.dtype:
        """The number format of the blocks, also where their matrices are quantized."""
        block = self.blocks[0]
        assert isinstance(block, MagiTransformerBlock)  # noqa: S101
        dtype: torch.dtype = block.attn.norm.weight.dtype
        return dtype

    @property
    def null_caption(self) -> torch.Tensor:
        """The learned caption of no text, [caption_max_length, caption_channels]."""
        return self.caption_embed.null_caption

    def forward(
        self,
        latents: torch.Tensor,
        timesteps: torch.Tensor,
        captions: Sequence[torch.Tensor],
        *,
        conditional: bool,
        layout: ChunkLayout = ALONE,
        cache: KVCache | None = None,
        step_size: float | None = None,
    ) -> torch.Tensor:
        """Predict the velocity that leads from noise (t=0) to the clean video (t=1).

        Args:
            latents: shape [B, C, T, H, W], T the frames of ``layout``'s chunks one after another.
            timesteps: shape [B, chunks], in [0, 1].
            captions: one [L, caption_channels] for each chunk of each video, without padding.
            conditional: whether the captions are a text or stand for none.
            layout: which chunks these are and what they attend to.
            cache: of earlier chunks; without it nothing is read or stored.
            step_size: of distilled models, ``ChunkSchedule.step_size``.

        Returns:
            Shape [B, C, T, H, W], float32.
        """
        x = self._embed_latents(latents)
        frames, height, width = x.shape[2:]
        first_frame = layout.first * (frames // layout.num_chunks)
        rotary = self.rope(first_frame, frames, height, width)
        condition = self.time_embed(timesteps, step_size, self.block_dtype)
        condition = condition + self.caption_embed.condition(conditional=conditional)
        condition = condition.to(self.block_dtype)
        texts = [self.caption_embed(caption).to(self.block_dtype) for caption in captions]
        x = x.to(self.block_dtype).flatten(2).transpose(1, 2)
        for layer, block in enumerate(self.blocks):
            x = block(x, condition, texts, rotary, layout, cache, layer)
        velocity = self.proj_out(self.norm_out(x.float()))
        return self._to_latents(velocity, (frames, height, width))

    def _embed_latents(self, latents: torch.Tensor) -> torch.Tensor:
        """To patches, [B, D, T, H / patch, W / patch]."""
        x = latents.float() * self.geometry.latent_rescale
        if self.geometry.double_channels:
            x = torch.cat([x, x], dim=1)
        patches: torch.Tensor = self.patch_embed(x)
        return patches

    def _to_latents(self, patches: torch.Tensor, grid: tuple[int, int, int]) -> torch.Tensor:
        """From patches [B, S, patch * out_channels], the channel innermost, to [B, C, T, H, W]."""
        x = torch.unflatten(torch.unflatten(patches, 1, grid), -1, (*self.patch, -1))
        x = x.permute(0, 7, 1, 4, 2, 5, 3, 6).flatten(6, 7).flatten(4, 5).flatten(2, 3)
        return x[:, : self.geometry.latent_channels] / self.geometry.latent_rescale
