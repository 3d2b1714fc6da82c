"""What a request costs in bytes and in floating-point operations. No torch here.

Architecture: Wan-Video/Wan2.1, wan/configs/wan_t2v_14B.py and wan_t2v_1_3B.py. Each of Wan2.2's
two experts is the 14B (wan/configs/wan_t2v_A14B.py): both are in memory, one works in each step.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from common.contract import Memory
from common.contract.compute_dtype import ComputeDtype
from common.kinds.video.resolved import ResolvedRequest
from common.kinds.video.step_cache import kept_tensors
from common.runtime.flops import FLOAT32_COST, Architecture, forward_flops
from common.runtime.stored import weight_bytes
from common.runtime.weights import read_config
from wan21 import experts
from wan21.options import Wan21Options

BFLOAT16_BYTES = 2
"""Of a number in the format that all figures here are for; float32 doubles them. What stays
float32 in any case (time embedding, norms) is under 1 % of the 14B."""

IN_FLOAT32 = ("vae", "image_encoder")
"""Parts that compute in float32 whatever the rest does, as the authors' autoencoder does
(wan/modules/vae.py). Their CLIP is in float16, which bfloat16 would not reach."""

TEXT_TOKENS = 512
"""Prompts are padded to this length (text_len in wan/configs/shared_config.py)."""

DENOISE_BYTES = 22.2
"""Per token and unit of width: eleven bfloat16 activations, whatever the number of layers. The
most tensors alive at once in a forward pass of ``WanTransformer3DModel`` in bfloat16 with fused
attention, counted on the meta device."""

FEEDING_BYTES = 8.5
"""The same while a block's feed-forward works, beside what that itself holds: the widened
activation before its GELU and behind it. Of the 1.3B, whose is nearly six times as wide as the
model, this is the most: 31.8."""

VACE_BYTES = 72
"""Per pixel and frame of VACE's video and mask, float32 of three colours: both as they are handed
over and on the device, and the video's two halves while they are encoded."""

HEADROOM = 1.5
"""Fragmentation and the kernels' workspaces. An estimate, not yet measured on a GPU."""

DECODE_FLOPS = 8.5e6
ENCODE_FLOPS = 5.2e6
"""Per pixel and frame. Counted on ``AutoencoderKLWan`` with torch's FlopCounterMode."""

DECODE_BYTES = 203
"""Per pixel of one frame and channel of ``base_dim`` (96 in the real VAE), whatever the length:
activations of four frames and the cache of every causal convolution. The most tensors alive at
once while ``AutoencoderKLWan`` decodes in float32, counted on the meta device; encoding stays
below it. In bfloat16 it would be 106."""


WAN_14B = Architecture(dim=5120, ffn_dim=13824, num_layers=40)
WAN_1_3B = Architecture(dim=1536, ffn_dim=8960, num_layers=30)


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
    hints = _hints(transformer)
    widened = transformer.get("ffn_dim", WAN_14B.ffn_dim) / dim  # as diffusers has it
    most = max(DENOISE_BYTES, FEEDING_BYTES + 2 * BFLOAT16_BYTES * widened)
    each = most + (kept_tensors(request) + hints) * BFLOAT16_BYTES
    denoising = int(num_tokens(request) * dim * each * wider * HEADROOM)
    decoding = decoding_bytes(request.width, request.height, vae["base_dim"])
    shown = request.width * request.height * request.clip_frames * VACE_BYTES if hints else 0
    loras = sum(lora.size_bytes for lora in request.loras)
    return Memory(
        load_bytes=weight_bytes(checkpoint, dtype, float32=IN_FLOAT32),
        run_bytes=max(denoising + loras, decoding) + shown,
    )


def _hints(transformer: Mapping[str, Any]) -> int:
    """Activations that VACE's second branch keeps for the first, and its own; 0 without one.

    Counted as ``DENOISE_BYTES`` is: each is one bfloat16 activation more.
    """
    layers = transformer.get("vace_layers") or ()
    return len(layers) + 1 if layers else 0


def decoding_bytes(width: int, height: int, base_dim: int) -> int:
    """Bytes to decode a video of this size in pixels without tiles, four frames at a time."""
    return int(width * height * base_dim * DECODE_BYTES * HEADROOM)


def flops_of(request: ResolvedRequest) -> float:
    """Operations of a request on the 14B: every pass of every step, and twice the VAE's.

    The 1.3B does about a sixth of it.
    """
    forward = forward_flops(num_tokens(request), TEXT_TOKENS, WAN_14B)
    # A picture is encoded with black frames behind it, as long as the video.
    per_pixel = DECODE_FLOPS + (ENCODE_FLOPS if request.frames_shown else 0)
    vae = FLOAT32_COST * per_pixel * request.width * request.height * request.clip_frames
    return forward * passes_of(request) + vae


def passes_of(request: ResolvedRequest) -> int:
    """Forward passes of a job: two in a step that is guided, of whichever expert."""
    options, steps = Wan21Options(**request.options), request.num_inference_steps
    first, second = request.guidance_scale, options.guidance_scale_2
    if second is None:
        second = first
    shift, boundary = (
        (experts.FLOW_SHIFT_I2V, experts.BOUNDARY_I2V)
        if request.begins
        else (experts.FLOW_SHIFT_T2V, experts.BOUNDARY_T2V)
    )
    taken = request.steps_taken  # the last ones
    high = experts.high_noise_steps(steps, options.flow_shift or shift, boundary)
    high = max(0, high - (steps - taken))
    return taken + (high if first > 1 else 0) + (taken - high if second > 1 else 0)


def num_tokens(request: ResolvedRequest) -> int:
    """Length of the transformer's sequence: 4 frames a latent, 8x8 pixels, 2x2 latents a token."""
    latent_frames = (request.clip_frames - 1) // 4 + 1 + len(request.reference_images)
    return latent_frames * (request.width // 16) * (request.height // 16)
