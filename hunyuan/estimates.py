"""What a request costs in bytes and in floating-point operations. No torch here.

Architecture: the defaults of diffusers' ``HunyuanVideoTransformer3DModel`` and
``AutoencoderKLHunyuanVideo``, which are those of the published checkpoints.
"""

from pathlib import Path

from common.contract import Memory
from common.contract.compute_dtype import ComputeDtype
from common.kinds.video.resolved import ResolvedRequest
from common.runtime.flops import FLOAT32_COST
from common.runtime.stored import weight_bytes
from common.runtime.weights import read_config
from hunyuan.version import is_15

BFLOAT16_BYTES = 2
"""Of a number in the format that all figures here are for; float32 doubles them."""

FLOAT32_BYTES = 4

IN_FLOAT32 = ("vae", "text_encoder_2")
"""Parts that compute in float32 whatever the rest does. They are published in float16, and run so
at their authors' (hyvideo/config.py), whose precision bfloat16 would not reach."""

TEXT_TOKENS = 256
"""The most of a prompt (text_len in hyvideo/config.py), behind the template's; padding that it is
given is cut off again (``unpadded``)."""

DIM, NUM_BLOCKS = 3072, 20 + 40
"""Width of the transformer; blocks with two streams and with one."""

DENOISE_BYTES = 36.4
"""Per token and unit of width, whatever the number of layers: the most tensors alive at once in a
forward pass of ``HunyuanVideoTransformer3DModel`` in bfloat16 with fused attention, counted on the
meta device. Blocks with one stream hold the hidden layer of their MLP beside the attention."""

HEADROOM = 1.5
"""Fragmentation and the kernels' workspaces. An estimate, not yet measured on a GPU."""

TILE, PIECE = 256, 17
"""Pixels of a tile's sides, and frames of a piece (``tile_sample_min_*`` of the autoencoder)."""

DECODE_BYTES = 36.3
"""Per pixel and frame of a tile and channel of the decoder's last block (128 in the real one). The
most tensors alive at once while ``AutoencoderKLHunyuanVideo`` decodes one in float32, counted on
the meta device; encoding a picture of that size stays far below it."""

DECODE_FLOPS = 40e6
"""Per pixel and frame, with what tiles and pieces do twice. Counted on
``AutoencoderKLHunyuanVideo`` at 1280x720 and 129 frames with torch's FlopCounterMode."""


def memory_of(
    checkpoint: Path, request: ResolvedRequest, dtype: ComputeDtype = ComputeDtype.BFLOAT16
) -> Memory:
    """Weights, and the larger of denoising and decoding: they follow each other.

    Raises:
        CheckpointError: a configuration or a weights file is damaged.
    """
    transformer, vae = read_config(checkpoint, "transformer"), read_config(checkpoint, "vae")
    dim = transformer["num_attention_heads"] * transformer["attention_head_dim"]
    wider = dtype.itemsize / BFLOAT16_BYTES
    tokens = num_tokens(request) + TEXT_TOKENS
    denoising = int(tokens * dim * DENOISE_BYTES * wider * HEADROOM)
    decoding = decoding_bytes(request.width, request.height, vae["block_out_channels"][0])
    return Memory(
        load_bytes=weight_bytes(checkpoint, dtype, float32=IN_FLOAT32),
        run_bytes=max(denoising, decoding),
    )


def float32_components(checkpoint: Path) -> tuple[str, ...]:
    """What of a checkpoint is in float32; of 1.5 nothing. Raises CheckpointError."""
    return () if is_15(checkpoint) else IN_FLOAT32


def decoding_bytes(width: int, height: int, channels: int) -> int:
    """Bytes to decode a video of this size in pixels, whatever its length.

    One tile at a time, beside the colours of a piece's tiles and of the piece they are joined to.
    """
    tile = PIECE * min(width, TILE) * min(height, TILE) * channels * DECODE_BYTES
    colours = 2 * PIECE * width * height * 3 * FLOAT32_BYTES
    return int((tile + colours) * HEADROOM)


def flops_of(request: ResolvedRequest) -> float:
    """Operations of a request: every pass of every step, and the autoencoder's."""
    passes = 2 if request.guidance_scale > 1 else 1
    pixels = request.width * request.height * request.num_frames
    steps = forward_flops(num_tokens(request)) * passes * request.num_inference_steps
    return steps + FLOAT32_COST * DECODE_FLOPS * pixels


def num_tokens(request: ResolvedRequest) -> int:
    """Tokens of the video: 4 frames a latent, 8x8 pixels, 2x2 latents a token.

    Of 1.5 as many: a latent has 16x16 pixels there, and is one token.
    """
    latent_frames = (request.num_frames - 1) // 4 + 1
    return latent_frames * (request.width // 16) * (request.height // 16)


def forward_flops(tokens: int, dim: int = DIM, num_blocks: int = NUM_BLOCKS) -> int:
    """Operations of one forward pass, two for each multiply-add.

    A block has twelve matrices of dim x dim for each token, of the video or of the text: four of
    attention and eight of the MLP. All tokens attend to each other in two products.
    """
    whole = tokens + TEXT_TOKENS
    return num_blocks * (24 * whole * dim**2 + 4 * whole**2 * dim)
