"""What a request costs in bytes and in floating-point operations. No torch here.

Architecture: Wan-Video/Wan2.2, wan/configs/wan_ti2v_5B.py. Bytes are the most tensors alive at
once, in bfloat16 with fused attention and in float32 in the VAE, counted on the meta device with
the published configurations; no GPU has measured them yet.
"""

from dataclasses import dataclass
from pathlib import Path

from common.contract import Memory
from common.contract.compute_dtype import ComputeDtype
from common.kinds.video.resolved import ResolvedRequest
from common.kinds.video.step_cache import kept_tensors
from common.runtime import flops
from common.runtime.flops import FLOAT32_COST, Architecture
from common.runtime.stored import weight_bytes
from common.runtime.weights import read_config

BFLOAT16_BYTES = 2
"""Of a number in the format that all figures here are for; float32 doubles them."""

IN_FLOAT32 = ("vae",)
"""Computes in float32 whatever the rest does, as at the authors' (wan/modules/vae2_2.py)."""

TEXT_TOKENS = 512
"""Prompts are padded to this length (text_len in wan/configs/shared_config.py)."""

FREQUENCIES = 256
"""Width of a timestep's first embedding (freq_dim)."""

HEADROOM = 1.5
"""Fragmentation and the kernels' workspaces. An estimate, not yet measured on a GPU."""

DECODE_FLOPS = 18.5e6
ENCODE_FLOPS = 4.6e6
"""Per pixel and frame. Counted on ``AutoencoderKLWan`` with torch's FlopCounterMode; a picture is
encoded as one frame."""


@dataclass(frozen=True)
class Compression:
    """What a VAE makes of pixels, and the bytes that follow from it."""

    token_side: int
    """Pixels; a token is square, and one latent frame long."""
    denoise_bytes: float
    """Per token and unit of the transformer's width, whatever the number of layers."""
    decode_bytes: float
    """Per pixel of one frame and channel of the decoder's first width, whatever the length."""


WAN_2_2 = Compression(token_side=32, denoise_bytes=65, decode_bytes=84)
"""16x16 pixels a latent. Every token has its own timestep, and so its own scales and shifts in
float32: twice what else is alive."""
WAN_2_1 = Compression(token_side=16, denoise_bytes=32, decode_bytes=203)
"""8x8 pixels a latent, one timestep. At the 1.3B's width, where rotary tables weigh more."""


TI2V_5B = Architecture(dim=3072, ffn_dim=14336, num_layers=30)


def memory_of(
    checkpoint: Path, request: ResolvedRequest, dtype: ComputeDtype = ComputeDtype.BFLOAT16
) -> Memory:
    """Weights, and the larger of denoising and decoding: they follow each other.

    Raises:
        CheckpointError: a configuration or a weights file is damaged.
    """
    transformer, vae = read_config(checkpoint, "transformer"), read_config(checkpoint, "vae")
    compression = compression_of(vae)
    heads, head_dim = (
        transformer.get(name, usual)  # 24 heads of 128: the 5B's, and those of Waver's report
        for name, usual in (("num_attention_heads", 24), ("attention_head_dim", 128))
    )
    tokens = num_tokens(request, compression)
    wider = dtype.itemsize / BFLOAT16_BYTES
    each = compression.denoise_bytes + kept_tensors(request) * BFLOAT16_BYTES
    denoising = int(tokens * heads * head_dim * each * wider * HEADROOM)
    decoding = decoding_bytes(request.width, request.height, vae)
    return Memory(
        load_bytes=weight_bytes(checkpoint, dtype, float32=IN_FLOAT32),
        run_bytes=max(denoising + sum(lora.size_bytes for lora in request.loras), decoding),
    )


def compression_of(vae: dict[str, object]) -> Compression:
    """Of a VAE's configuration: only Wan 2.2's makes patches of pixels first."""
    return WAN_2_2 if vae.get("patch_size") else WAN_2_1


def decoding_bytes(width: int, height: int, vae: dict[str, object]) -> int:
    """Bytes to decode a video of this size in pixels without tiles, four frames at a time."""
    channels = vae.get("decoder_base_dim") or vae.get("base_dim") or 96
    assert isinstance(channels, int)  # noqa: S101  # a width, in a file that the library wrote
    return int(width * height * channels * compression_of(vae).decode_bytes * HEADROOM)


def flops_of(request: ResolvedRequest) -> float:
    """Operations of a request on the 5B: every pass of every step, and twice the VAE's.

    Both kinds of guidance take two passes. The 1.3B differs by a factor, which past runs correct.
    """
    passes = 2 if request.guidance_scale > 1 else 1
    forward = forward_flops(num_tokens(request, WAN_2_2), TI2V_5B)
    frame = request.width * request.height
    vae = frame * (DECODE_FLOPS * request.clip_frames + ENCODE_FLOPS * request.frames_shown)
    return forward * passes * request.steps_taken + FLOAT32_COST * vae


def num_tokens(request: ResolvedRequest, compression: Compression) -> int:
    """Length of the transformer's sequence: 4 frames a latent, after a first one of its own."""
    latent_frames = (request.clip_frames - 1) // 4 + 1
    columns, rows = (side // compression.token_side for side in (request.width, request.height))
    return latent_frames * columns * rows


def forward_flops(tokens: int, model: Architecture) -> int:
    """Operations of one forward pass with a timestep for each token.

    Once a pass, every token's timestep becomes six scales and shifts.
    """
    timesteps = 2 * tokens * (FREQUENCIES * model.dim + 7 * model.dim**2)
    return flops.forward_flops(tokens, TEXT_TOKENS, model) + timesteps
