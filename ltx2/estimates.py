"""What a job takes before it is tried: memory and floating point operations. No torch."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from common.contract import Memory
from common.contract.compute_dtype import ComputeDtype
from common.kinds.video.resolved import ResolvedRequest
from common.runtime.stored import weight_bytes
from common.runtime.weights import read_config
from ltx2.guidance import Guidance, resolve_guidance
from ltx2.options import Ltx2Options

COMPONENTS = ("text_encoder", "connectors", "transformer", "vae", "audio_vae", "vocoder")
"""Folders of the checkpoint that are loaded; ``latent_upsampler`` is read by a second stage."""

BYTES = 2
"""Of a bfloat16 number, where nothing else is said."""
FLOAT32_VOCODER = "LTX2VocoderWithBWE"
"""LTX-2.3's vocoder: its authors run it in float32, whatever its weights are in, since bfloat16
costs 40 to 90 % of its spectral accuracy (``VocoderWithBWE.forward`` in Lightricks/LTX-2, ltx_core/
model/audio_vae/vocoder.py). LTX-2.0's runs in bfloat16 there too."""
SPATIAL, TEMPORAL = 32, 8
"""Pixels and frames that one latent stands for (vae/config.json)."""
TEXT_TOKENS = 1024
AUDIO_LATENTS_PER_SECOND = 25
"""16 kHz / 160 samples a mel frame / 4 mel frames a latent (audio_vae/config.json)."""

NUM_LAYERS, VIDEO_DIM, AUDIO_DIM = 48, 4096, 2048
"""transformer/config.json of Lightricks/LTX-2; LTX-2.3 has the same."""

MAX_UNTILED_PIXELS = 1280 * 736 * 121
"""Pixels x frames that a job is given the memory to decode in one piece, as diffusers does by
default: about 10 GB of activations. Above, it is given what tiles take, which does not grow with
the frame's size, and keeps to it: what is free beyond may be promised to another model."""
TILE = 512
"""Side of a tile in pixels (``tile_sample_min_height`` in diffusers' AutoencoderKLLTX2Video)."""

OVERHEAD_BYTES = 2 * 1024**3
"""CUDA context, and the text encoder's hidden states of all layers (0.8 GB for two prompts); after
denoising the vocoder's activations take their place (0.9 GB for 20 s of sound in float32, counted
as below). An estimate, not yet measured on a GPU."""
HEADROOM = 1.5
"""Fragmentation and the kernels' workspaces. An estimate too."""
DECODER_TENSORS = 5.4
"""Activations of the decoder's last block alive at once, in units of its widest; 4.6 in LTX-2.3.
The most bytes alive at once while ``AutoencoderKLLTX2Video`` decodes in bfloat16, counted on the
meta device at three sizes with the published configurations."""
TOKEN_TENSORS, TOKEN_TENSORS_WITH_PICTURE = 18, 45
"""Activations alive at once in a transformer block, per token, in widths of the model. Counted in
the same way with fused attention, weights left out. From a picture it is more: each token has a
timestep of its own, so each has its own modulation. Of LTX-2.3; 39 in LTX-2.0."""


UPSAMPLER_CHANNELS, UPSAMPLER_BLOCKS = 1024, 4
"""latent_upsampler/config.json: so many residual blocks of two convolutions at either size."""


def in_whole_latents(request: ResolvedRequest) -> tuple[int, int, int]:
    """Frames, height and width in pixels that hold a video of any size; it may be smaller."""
    frames = math.ceil((request.num_frames - 1) / TEMPORAL) * TEMPORAL + 1
    height, width = (
        math.ceil(side / SPATIAL) * SPATIAL for side in (request.height, request.width)
    )
    return frames, height, width


def stages_of(request: ResolvedRequest) -> tuple[ResolvedRequest, ...]:
    """One video as one plain request, or as two: at half of the sides, then refined at all.

    The second has the guidance of ``ti2vid_two_stages.py`` in Lightricks/LTX-2: none.
    """
    stage = request.second_stage
    if stage is None:
        return (request,)
    half = {"width": request.width // 2, "height": request.height // 2, "second_stage": None}
    neutral = {"guidance_scale": 1.0, "options": {}, "second_stage": None}
    steps = {"num_inference_steps": stage.num_inference_steps}
    return request.model_copy(update=half), request.model_copy(update={**neutral, **steps})


def video_tokens(request: ResolvedRequest) -> int:
    """Latents of the video, each of which is one token, and of keyframes, one frame for each.

    A keyframe of the first frame is none more; counted so it costs a little too much.
    """
    latent_frames = (request.clip_frames - 1) // TEMPORAL + 1 + request.guides
    return latent_frames * (request.height // SPATIAL) * (request.width // SPATIAL)


def forward_flops(request: ResolvedRequest) -> float:
    """Floating point operations of one video through the transformer once.

    Per layer, with d the width of the stream, a multiplication and an addition per weight: self-
    attention 4 d^2 a token, cross-attention to the text 2 d^2 and 2 d^2 a text token, feed-forward
    8 d^2, and attention to and from the other stream; then 4 n m d for each attention of n
    queries over m keys. Norms, rotary embeddings and modulation are left out.
    """
    video, text = video_tokens(request), TEXT_TOKENS
    audio = round(request.duration * AUDIO_LATENTS_PER_SECOND)
    return NUM_LAYERS * (
        _stream_flops(video, text, VIDEO_DIM)
        + _stream_flops(audio, text, AUDIO_DIM)
        # Sound to picture has the picture's queries, picture to sound its keys and values.
        + 2 * (4 * video * VIDEO_DIM * AUDIO_DIM + 4 * audio * AUDIO_DIM**2)
        + 2 * 4 * video * audio * AUDIO_DIM
    )


def _stream_flops(tokens: int, text: int, dim: int) -> float:
    linear = 2 * dim**2 * (14 * tokens + 2 * text)
    attention = 4 * tokens * (tokens + text) * dim
    return linear + attention


def estimate_flops(request: ResolvedRequest) -> float:
    """Floating point operations of a job's denoising, which is nearly all of it.

    With guidance, by default, four passes a step. STG's perturbed block is counted whole. Of a
    video whose latents are enlarged and no more, those of the upsampler: what it takes to encode
    and decode grows with them.
    """
    if request.enlarges_latents:
        return _upsampling_flops(_padded(request))
    stages = stages_of(request)
    denoising = sum(
        forward_flops(stage) * _guidance(stage).passes * stage.num_inference_steps
        for stage in stages
    )
    return denoising + (_upsampling_flops(stages[0]) if request.second_stage else 0)


def _upsampling_flops(request: ResolvedRequest) -> float:
    """Of the convolutions, 27 weights for each pair of channels: at this size, then at twice."""
    convolutions = 2 * UPSAMPLER_BLOCKS * (1 + 4)
    return 2 * 27 * UPSAMPLER_CHANNELS**2 * convolutions * video_tokens(request)


def _guidance(request: ResolvedRequest) -> Guidance:
    return resolve_guidance(request.guidance_scale, Ltx2Options(**request.options))


def _padded(request: ResolvedRequest) -> ResolvedRequest:
    frames, height, width = in_whole_latents(request)
    size = {"num_frames": frames, "height": height, "width": width}
    return request.model_copy(update=size)


def estimate_memory(
    checkpoint: Path, request: ResolvedRequest, dtype: ComputeDtype = ComputeDtype.BFLOAT16
) -> Memory:
    """Bytes for the weights in ``dtype``, and for the largest of denoising and decoding.

    A second stage's own files count in that stage, where all of them are read: the upsampler's
    activations are small beside the LoRA's bytes, and gone before it is used.

    Raises:
        CheckpointError: a config or a weights file is missing or cannot be read.
    """
    working = _enlarging_bytes if request.enlarges_latents else _making_bytes
    return Memory(
        load_bytes=weight_bytes(
            checkpoint, dtype, components=COMPONENTS, float32=float32_components(checkpoint)
        ),
        run_bytes=OVERHEAD_BYTES + working(checkpoint, request, dtype.itemsize),
    )


def _making_bytes(checkpoint: Path, request: ResolvedRequest, itemsize: int) -> int:
    first, *second = (
        int(HEADROOM * _denoising_bytes(checkpoint, stage, itemsize))
        for stage in stages_of(request)
    )
    files = request.second_stage.size_bytes if request.second_stage else 0
    denoising = max([first, *(each + files for each in second)])
    size = (request.width, request.height, request.clip_frames)
    decoding = decoding_bytes(read_config(checkpoint, "vae"), *size, itemsize)
    loras = sum(lora.size_bytes for lora in request.loras)
    return max(denoising + loras, decoding)


def _enlarging_bytes(checkpoint: Path, request: ResolvedRequest, itemsize: int) -> int:
    """The upsampler's file, and what decoding takes at twice the sides or encoding with its pixels.

    Its activations are small beside the decoder's: 1024 channels for each latent, where that has
    128 for each 4x4 of its 32x32 pixels, in each of 8 frames.
    """
    frames, height, width = in_whole_latents(request)
    vae = read_config(checkpoint, "vae")
    files = request.upscaler.size_bytes if request.upscaler else 0
    pixels = 3 * frames * height * width * itemsize
    encoding = pixels + decoding_bytes(vae, width, height, frames, itemsize)
    return files + max(encoding, decoding_bytes(vae, 2 * width, 2 * height, frames, itemsize))


def float32_components(checkpoint: Path) -> tuple[str, ...]:
    """Those that run in float32, whatever the rest computes in. Raises CheckpointError."""
    vocoder = read_config(checkpoint, "vocoder").get("_class_name")
    return ("vocoder",) if vocoder == FLOAT32_VOCODER else ()


def _denoising_bytes(checkpoint: Path, request: ResolvedRequest, itemsize: int) -> int:
    config = read_config(checkpoint, "transformer")
    width = config["num_attention_heads"] * config["attention_head_dim"]
    batch = 2 if _guidance(request).has_cfg else 1  # the other passes come after it, one by one
    begins = request.frames_shown + request.guides > 0
    tensors = TOKEN_TENSORS_WITH_PICTURE if begins else TOKEN_TENSORS
    return batch * video_tokens(request) * int(width) * tensors * itemsize


def decoding_bytes(
    vae: Mapping[str, Any], width: int, height: int, num_frames: int, itemsize: int = BYTES
) -> int:
    """Bytes that decoding may take: in one piece up to ``MAX_UNTILED_PIXELS``, above it in tiles.

    Args:
        vae: its configuration, ``vae/config.json``.
        width: in pixels.
        height: in pixels.
        num_frames: of the whole video.
        itemsize: bytes of a number that the autoencoder computes in.
    """
    if width * height * num_frames <= MAX_UNTILED_PIXELS:
        return whole_decoding_bytes(vae, width, height, num_frames, itemsize)
    # The tiles, the rows they are joined to, and the whole.
    video = 3 * 3 * num_frames * width * height * itemsize
    tile = _activation_bytes(vae, num_frames * min(width, TILE) * min(height, TILE), itemsize)
    return int(HEADROOM * (tile + video))


def whole_decoding_bytes(
    vae: Mapping[str, Any], width: int, height: int, num_frames: int, itemsize: int = BYTES
) -> int:
    """Bytes to decode a video in one piece, whatever its size; arguments as above."""
    pixels = num_frames * width * height
    return int(HEADROOM * (_activation_bytes(vae, pixels, itemsize) + 3 * pixels * itemsize))


def _activation_bytes(vae: Mapping[str, Any], pixels: int, itemsize: int) -> float:
    channels = vae["decoder_block_out_channels"][0] // vae["upsample_factor"][0]
    return float(DECODER_TENSORS * pixels / vae["patch_size"] ** 2 * channels * itemsize)
