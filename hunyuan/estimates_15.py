"""What a request costs of HunyuanVideo 1.5, in bytes and operations. No torch here.

Architecture: the defaults of diffusers' ``HunyuanVideo15Transformer3DModel`` and
``AutoencoderKLHunyuanVideo15``, with which the published checkpoints were converted
(scripts/convert_hunyuan_video1_5_to_diffusers.py of huggingface/diffusers). All of it runs in
bfloat16, as in its authors' README.
"""

from pathlib import Path

from common.contract import Memory
from common.contract.compute_dtype import ComputeDtype
from common.kinds.video.resolved import ResolvedRequest
from common.runtime.stored import weight_bytes
from common.runtime.weights import read_config
from hunyuan.estimates import BFLOAT16_BYTES, HEADROOM, num_tokens

TEXT_TOKENS = 1000 + 256 + 729
"""At most: of Qwen, of ByT5 and of a picture. Most prompts have a tenth of it."""

DIM, NUM_BLOCKS = 2048, 54
"""Width of the transformer; blocks, all with two streams."""

DENOISE_BYTES = 24.6
"""Per token and unit of width, whatever the number of blocks: the most tensors alive at once in a
forward pass of ``HunyuanVideo15Transformer3DModel`` without padding, in bfloat16 with fused
attention, counted on the meta device."""

TILE = 256
"""Pixels of a tile's sides (``tile_sample_min_*`` of the autoencoder); it has all frames."""

DECODE_BYTES = 14.0
"""Per pixel and frame of a tile and channel of the decoder's last block (128 in the real one). The
most tensors alive at once while ``AutoencoderKLHunyuanVideo15`` decodes one in bfloat16, counted on
the meta device."""

DECODE_FLOPS = 41e6
"""Per pixel and frame, with what tiles do twice. Counted on ``AutoencoderKLHunyuanVideo15`` at
848x480 with torch's FlopCounterMode."""


def memory_of(
    checkpoint: Path, request: ResolvedRequest, dtype: ComputeDtype = ComputeDtype.BFLOAT16
) -> Memory:
    """Weights, and the larger of denoising and decoding: they follow each other.

    Raises:
        CheckpointError: a configuration or a weights file is damaged.
    """
    transformer, vae = read_config(checkpoint, "transformer"), read_config(checkpoint, "vae")
    dim = transformer["num_attention_heads"] * transformer["attention_head_dim"]
    tokens = num_tokens(request) + TEXT_TOKENS
    denoising = tokens * dim * DENOISE_BYTES
    decoding = decoding_bytes(request, vae["block_out_channels"][0])
    wider = dtype.itemsize / BFLOAT16_BYTES
    return Memory(
        load_bytes=weight_bytes(checkpoint, dtype),
        run_bytes=int(max(denoising, decoding) * wider * HEADROOM),
    )


def decoding_bytes(request: ResolvedRequest, channels: int) -> float:
    """Of one tile, beside the colours of all tiles and of the video they are joined to."""
    tile = min(request.width, TILE) * min(request.height, TILE) * channels * DECODE_BYTES
    colours = 3 * request.width * request.height * 3 * BFLOAT16_BYTES
    return request.num_frames * (tile + colours)


def flops_of(request: ResolvedRequest) -> float:
    """Operations of a request: every pass of every step, and the autoencoder's."""
    passes = 2 if request.guidance_scale > 1 else 1
    pixels = request.width * request.height * request.num_frames
    steps = forward_flops(num_tokens(request)) * passes * request.num_inference_steps
    return steps + DECODE_FLOPS * pixels


def forward_flops(
    tokens: int, text_tokens: int = TEXT_TOKENS, dim: int = DIM, num_blocks: int = NUM_BLOCKS
) -> int:
    """Operations of one forward pass, counted as those of ``hunyuan.estimates`` are."""
    whole = tokens + text_tokens
    return num_blocks * (24 * whole * dim**2 + 4 * whole**2 * dim)
