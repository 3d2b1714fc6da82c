"""The transformer blocks of MAGI-1's autoencoder, and its encoder and decoder.

Architecture: SandAI-org/MAGI-1, inference/model/vae/vae_module.py, and section 2.1 of the paper,
arXiv 2505.13211. Attention is over all tokens of a clip and one class token, which is dropped
at the end.
"""

import torch
from torch import nn
from torch.nn import functional

GridSize = tuple[int, int, int]
"""Latent frames, rows and columns."""

EPSILON = 1e-5
"""Added to the standard deviation, not to the variance as ``nn.LayerNorm`` does."""


def standardize(x: torch.Tensor) -> torch.Tensor:
    """Zero mean and unit deviation over the last axis, without weights (``ManualLayerNorm``)."""
    std, mean = torch.std_mean(x, dim=-1, keepdim=True, correction=0)
    return (x - mean) / (std + EPSILON)


class VideoAttention(nn.Module):
    """Self-attention whose queries, keys and values are standardized per head."""

    def __init__(self, dim: int, num_heads: int, qkv_bias: bool) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.to_qkv = nn.Linear(dim, 3 * dim, bias=qkv_bias)
        self.to_out = nn.Linear(dim, dim)

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        """[B, N, dim] to [B, N, dim]."""
        batch, length, _ = hidden_states.shape
        qkv = self.to_qkv(hidden_states).view(batch, length, 3, self.num_heads, -1)
        query, key, value = standardize(qkv).permute(2, 0, 3, 1, 4)  # each [B, heads, N, head_dim]
        attended = functional.scaled_dot_product_attention(query, key, value)
        out: torch.Tensor = self.to_out(attended.transpose(1, 2).flatten(2))
        return out


class VideoBlock(nn.Module):
    """Attention, then an MLP with GELU; only the MLP's input has a LayerNorm."""

    def __init__(self, dim: int, num_heads: int, mlp_ratio: float, qkv_bias: bool) -> None:
        super().__init__()
        self.attention = VideoAttention(dim, num_heads, qkv_bias)
        self.norm = nn.LayerNorm(dim)
        self.linear_in = nn.Linear(dim, int(dim * mlp_ratio))
        self.linear_out = nn.Linear(int(dim * mlp_ratio), dim)

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        """[B, N, dim] to [B, N, dim]."""
        hidden_states = hidden_states + self.attention(hidden_states)
        inner = functional.gelu(self.linear_in(self.norm(hidden_states)))
        out: torch.Tensor = hidden_states + self.linear_out(inner)
        return out


class VideoTransformer(nn.Module):
    """What encoder and decoder share: class token, learned positions, blocks, a last LayerNorm.

    Positions are learned for one clip of ``grid`` and interpolated for any other size.
    """

    def __init__(
        self,
        dim: int,
        num_layers: int,
        num_heads: int,
        mlp_ratio: float,
        qkv_bias: bool,
        grid: GridSize,
    ) -> None:
        super().__init__()
        self.grid = grid
        self.class_token = nn.Parameter(torch.zeros(1, 1, dim))
        self.class_position = nn.Parameter(torch.zeros(1, 1, dim))
        self.positions = nn.Parameter(torch.zeros(1, dim, *grid))
        self.blocks = nn.ModuleList(
            VideoBlock(dim, num_heads, mlp_ratio, qkv_bias) for _ in range(num_layers)
        )
        self.norm = nn.LayerNorm(dim)

    def forward(self, grid: torch.Tensor) -> torch.Tensor:
        """[B, dim, T', H', W'] to the same."""
        size = grid.shape[2:]
        tokens = (grid + self._positions_for(size)).flatten(2).transpose(1, 2)
        first = (self.class_token + self.class_position).expand(len(tokens), -1, -1)
        hidden_states = torch.cat([first, tokens], dim=1)
        for block in self.blocks:
            hidden_states = block(hidden_states)
        normed: torch.Tensor = self.norm(hidden_states)[:, 1:]
        return normed.transpose(1, 2).reshape(grid.shape)

    def _positions_for(self, size: torch.Size) -> torch.Tensor:
        if tuple(size) == self.grid:
            return self.positions
        return functional.interpolate(self.positions, size=tuple(size), mode="trilinear")


class VideoEncoder(nn.Module):
    """Pixels [B, 3, T, H, W] to moments [B, 2 * latent_channels, T / 4, H / 8, W / 8]."""

    def __init__(
        self, in_channels: int, out_channels: int, patch: GridSize, transformer: VideoTransformer
    ) -> None:
        super().__init__()
        dim = transformer.norm.normalized_shape[0]
        self.patch_embed = nn.Conv3d(in_channels, dim, kernel_size=patch, stride=patch)
        self.transformer = transformer
        self.proj_out = nn.Linear(dim, out_channels)

    def forward(self, video: torch.Tensor) -> torch.Tensor:
        """Moments: mean and log-variance, one after the other along the channels."""
        hidden_states = self.transformer(self.patch_embed(video))
        moments: torch.Tensor = self.proj_out(hidden_states.movedim(1, -1)).movedim(-1, 1)
        return moments


class VideoDecoder(nn.Module):
    """Latents [B, latent_channels, T, H, W] to pixels [B, 3, 4 * T, 8 * H, 8 * W].

    A token's channels are unfolded into its patch of 4 x 8 x 8 voxels; a convolution over all of
    them then smooths the seams between patches.
    """

    def __init__(
        self, latent_channels: int, out_channels: int, patch: GridSize, core: VideoTransformer
    ) -> None:
        super().__init__()
        dim = core.norm.normalized_shape[0]
        self.patch = patch
        self.proj_in = nn.Linear(latent_channels, dim)
        self.transformer = core
        voxel_channels = dim // (patch[0] * patch[1] * patch[2])
        self.conv_out = nn.Conv3d(voxel_channels, out_channels, kernel_size=3, padding=1)

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        """Pixels, about [-1, 1]."""
        grid = self.proj_in(latents.movedim(1, -1)).movedim(-1, 1)
        pixels: torch.Tensor = self.conv_out(self._unfolded(self.transformer(grid)))
        return pixels

    def _unfolded(self, hidden_states: torch.Tensor) -> torch.Tensor:
        """[B, dim, T, H, W] to [B, dim / 256, 4 * T, 8 * H, 8 * W]."""
        batch, _, *size = hidden_states.shape
        voxels = hidden_states.reshape(batch, *self.patch, -1, *size)  # [B, pt, ph, pw, C, T, H, W]
        voxels = voxels.permute(0, 4, 5, 1, 6, 2, 7, 3)  # [B, C, T, pt, H, ph, W, pw]
        return voxels.flatten(6, 7).flatten(4, 5).flatten(2, 3)
