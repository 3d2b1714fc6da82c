"""MAGI-1's autoencoder: a vision transformer that compresses video 8x8 in space and 4 in time.

Architecture: SandAI-org/MAGI-1, inference/model/vae, and section 2.1 of arXiv 2505.13211. It
has no causal first frame: n latent frames are 4n frames. A single frame is the exception: it is
encoded as four equal ones, and a clip of one latent frame decodes to one frame.
"""

import common.runtime.libraries  # noqa: F401

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from diffusers.models.autoencoders.vae import DecoderOutput, DiagonalGaussianDistribution
from diffusers.models.modeling_outputs import AutoencoderKLOutput

from magi1.tiling import Tiling, run_tiled
from magi1.vae_blocks import VideoDecoder, VideoEncoder, VideoTransformer

SCALING_FACTOR = 0.18215
"""``scale_factor`` of the official configurations, example/4.5B/4.5B_base_config.json."""


class AutoencoderKLMagi(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """Encodes and decodes video, whole or tile by tile.

    Latents in and out are not scaled: the transformer's are these times ``scaling_factor``.

    Args:
        sample_size: side in pixels of the clip that positions are learned for.
        sample_frames: its length in frames.
        patch_size: side in pixels of a token.
        patch_frames: its length in frames.
        in_channels: of the video.
        latent_channels: of the latents.
        hidden_size: width of the transformers; a multiple of a patch's voxels.
        num_layers: blocks in the encoder, and again in the decoder.
        num_attention_heads: of every block.
        mlp_ratio: the MLP's inner width over ``hidden_size``.
        qkv_bias: whether the projections of attention have biases.
        scaling_factor: what the transformer's latents are multiplied by.
    """

    _no_split_modules = ("VideoBlock",)

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(
        self,
        sample_size: int = 256,
        sample_frames: int = 16,
        patch_size: int = 8,
        patch_frames: int = 4,
        in_channels: int = 3,
        latent_channels: int = 16,
        hidden_size: int = 1024,
        num_layers: int = 24,
        num_attention_heads: int = 16,
        mlp_ratio: float = 4.0,
        qkv_bias: bool = True,
        scaling_factor: float = SCALING_FACTOR,
    ) -> None:
        super().__init__()
        side = sample_size // patch_size
        grid = (sample_frames // patch_frames, side, side)
        patch = (patch_frames, patch_size, patch_size)

        def transformer() -> VideoTransformer:
            return VideoTransformer(
                hidden_size, num_layers, num_attention_heads, mlp_ratio, qkv_bias, grid
            )

        self.encoder = VideoEncoder(in_channels, 2 * latent_channels, patch, transformer())
        self.decoder = VideoDecoder(latent_channels, in_channels, patch, transformer())
        self.tiling: Tiling | None = None

    def enable_tiling(self, tiling: Tiling | None = None) -> None:
        """Work in tiles from now on: memory stays that of one tile. By default the official ones.

        Their borders can be seen in the numbers, not in the pictures.
        """
        self.tiling = tiling or Tiling()

    def disable_tiling(self) -> None:
        """Work on whole clips again."""
        self.tiling = None

    def encode(self, video: torch.Tensor, return_dict: bool = True) -> AutoencoderKLOutput:
        """The distribution of a video's latents; MAGI-1 takes its mode.

        Args:
            video: shape [B, 3, T, H, W] in [-1, 1]; H and W multiples of 8. T is 1 or a multiple
                of 4, and so is what is left of it for the last tile.
            return_dict: answer an ``AutoencoderKLOutput``, not a tuple.

        Returns:
            ``latent_dist`` over shape [B, 16, T / 4, H / 8, W / 8].
        """
        moments = self._run_encoder(video)
        posterior = DiagonalGaussianDistribution(moments)
        return AutoencoderKLOutput(latent_dist=posterior) if return_dict else (posterior,)

    def decode(self, latents: torch.Tensor, return_dict: bool = True) -> DecoderOutput:
        """The video of some latents.

        Args:
            latents: shape [B, 16, T, H, W].
            return_dict: answer a ``DecoderOutput``, not a tuple.

        Returns:
            ``sample`` of shape [B, 3, 4 * T, 8 * H, 8 * W], about [-1, 1]; where a tile has one
            latent frame only, it is one frame instead of four.
        """
        video = self._run_decoder(latents)
        return DecoderOutput(sample=video) if return_dict else (video,)

    def num_frames_of(self, latent_frames: int) -> int:
        """How many frames ``decode`` makes of so many latent ones."""
        if self.tiling is None:
            return self._clip_frames(latent_frames)
        time = self.tiling.decoding(self.config.patch_frames, self.config.patch_size)[0]
        tiles = (min(time.size, latent_frames - start) for start in time.starts(latent_frames))
        return sum(min(time.keep, self._clip_frames(tile)) for tile in tiles)

    def _clip_frames(self, latent_frames: int) -> int:
        return 1 if latent_frames == 1 else latent_frames * int(self.config.patch_frames)

    def _run_encoder(self, video: torch.Tensor) -> torch.Tensor:
        if self.tiling is None:
            return self._encode_clip(video)
        axes = self.tiling.encoding(self.config.patch_frames, self.config.patch_size)
        return run_tiled(video, self._encode_clip, axes, chained=True)

    def _run_decoder(self, latents: torch.Tensor) -> torch.Tensor:
        if self.tiling is None:
            return self._decode_clip(latents)
        axes = self.tiling.decoding(self.config.patch_frames, self.config.patch_size)
        return run_tiled(latents, self._decode_clip, axes, chained=False)

    def _encode_clip(self, video: torch.Tensor) -> torch.Tensor:
        if video.shape[2] == 1:
            video = video.expand(-1, -1, self.config.patch_frames, -1, -1)
        moments: torch.Tensor = self.encoder(video)
        return moments

    def _decode_clip(self, latents: torch.Tensor) -> torch.Tensor:
        video: torch.Tensor = self.decoder(latents)
        return video[:, :, :1] if latents.shape[2] == 1 else video
