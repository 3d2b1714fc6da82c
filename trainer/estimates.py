"""What a training costs in bytes and in floating-point operations. No torch here.

Activations are made anew for each block while gradients are computed (gradient checkpointing): what
stays is one hidden state a block, and all of one block. Bytes are by this formula, and no GPU has
measured them yet.
"""

from pathlib import Path
from typing import Any

from common.contract import Memory
from common.contract.compute_dtype import ComputeDtype
from common.runtime.flops import FLOAT32_COST, Architecture, forward_flops
from common.runtime.stored import weight_bytes
from common.runtime.weights import read_config
from trainer.requests import ResolvedTraining

IN_FLOAT32 = ("vae",)
TEXT_TOKENS = 512
NUM_LAYERS = 40
HEADROOM = 1.5
"""Fragmentation and the kernels' workspaces. An estimate, not yet measured on a GPU."""

BLOCK_HIDDEN = 40
"""Hidden states of one block's width that are alive while its gradients are computed: norms and
modulation, queries, keys and values of two attentions, and what a LoRA keeps of its inputs."""
ADAPTER_BYTES = 16
"""Of a number that learns: itself, its gradient and AdamW's two moments, in float32."""
ENCODE_BYTES = {True: 90, False: 210}
"""Per pixel of a frame and channel of the encoder's first width: with patches of pixels (Wan 2.2)
and without. As decoding has it, whose halves are alike."""
PASSES = 4
"""Forward, forward again, and backward, which is two."""
GUIDED = 2
"""Passes of a step of a video: with the prompt, and without."""
ENCODE_FLOPS = 4.6e6
"""Per pixel and frame, counted on ``AutoencoderKLWan``."""
LATENTS_A_TOKEN = 4
"""Patches of 2x2, each with the latent channels that the transformer takes in."""
T2V_1_3B = Architecture(dim=1536, ffn_dim=8960, num_layers=30)


def memory_of(
    checkpoint: Path, request: ResolvedTraining, dtype: ComputeDtype = ComputeDtype.BFLOAT16
) -> Memory:
    """Weights; the larger of encoding and learning, and all examples, which stay on the device.

    Raises CheckpointError.
    """
    transformer, vae = read_config(checkpoint, "transformer"), read_config(checkpoint, "vae")
    width, layers, ffn = _sizes(transformer)
    tokens = num_tokens(request, _token_side(vae))
    blocks = tokens * width * (layers + BLOCK_HIDDEN) + 4 * tokens * ffn
    learning = blocks * dtype.itemsize + adapter_numbers(request.rank, transformer) * ADAPTER_BYTES
    channels = vae.get("base_dim") or 96
    encoding = request.width * request.height * channels * ENCODE_BYTES["patch_size" in vae]
    examples = request.num_clips + len(request.prior_prompts)
    kept = examples * _example_bytes(tokens, transformer, dtype)
    return Memory(
        load_bytes=weight_bytes(checkpoint, dtype, float32=IN_FLOAT32),
        run_bytes=int(max(learning, encoding) * HEADROOM) + kept,
    )


def _example_bytes(tokens: int, transformer: dict[str, Any], dtype: ComputeDtype) -> int:
    """Latents of the longest clip, in float32, and a caption's embeddings; left out, as below."""
    latents = tokens * LATENTS_A_TOKEN * transformer.get("in_channels", 16)
    embeds = TEXT_TOKENS * transformer.get("text_dim", 4096)
    return int(latents * ComputeDtype.FLOAT32.itemsize + embeds * dtype.itemsize)


def adapter_numbers(rank: int, transformer: dict[str, Any]) -> int:
    """How many numbers a LoRA of this rank has: eight projections and two matrices a block."""
    width, layers, ffn = _sizes(transformer)
    return layers * rank * (8 * 2 * width + 2 * (width + ffn))


def flops_of(request: ResolvedTraining) -> float:
    """Operations on the 1.3B; others differ by a factor, which past runs correct."""
    tokens = num_tokens(request, 16)
    passes = PASSES * (2 if request.prior_prompts else 1) * request.steps
    passes += GUIDED * request.num_inference_steps * (len(request.prior_prompts) + 1)
    steps = forward_flops(tokens, TEXT_TOKENS, T2V_1_3B) * passes
    pixels = request.width * request.height * request.num_frames * request.num_clips
    return float(steps + FLOAT32_COST * ENCODE_FLOPS * pixels)


def num_tokens(request: ResolvedTraining, token_side: int) -> int:
    """Of the longest clip: 4 frames a latent, after a first one of its own."""
    latent_frames = (request.num_frames - 1) // 4 + 1
    return latent_frames * (request.width // token_side) * (request.height // token_side)


def _token_side(vae: dict[str, Any]) -> int:
    """Pixels: only Wan 2.2's VAE makes patches of them first."""
    return 32 if vae.get("patch_size") else 16


def _sizes(transformer: dict[str, Any]) -> tuple[int, int, int]:
    """Width, layers and width of the feed-forward; left out, the 14B's of diffusers."""
    heads = transformer.get("num_attention_heads", 40)
    width = heads * transformer.get("attention_head_dim", 128)
    return width, transformer.get("num_layers", NUM_LAYERS), transformer.get("ffn_dim", 13824)
