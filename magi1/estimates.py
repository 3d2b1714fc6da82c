"""What a request costs in bytes and in floating-point operations. No torch here.

Architecture: the configurations below example/ of SandAI-org/MAGI-1. Weights are counted in the
files, so the estimate holds for every variant.
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.contract import Memory
from common.contract.compute_dtype import ComputeDtype
from common.kinds.video.resolved import ResolvedRequest
from common.runtime.live_weights import Naming, count_elements
from common.runtime.weights import damaged, missing
from magi1.configuration import SCALES, find_config, weights_folder

BFLOAT16_BYTES = 2
"""Of a number in the format that all figures here are for; float32 doubles them. What is float32
in any case is under 1 % of the 4.5B. FP8 files are dequantized to the format."""

CHUNK_FRAMES = 24
CHUNK_LATENTS = 6
WINDOW = 4
CHUNKS_AT_ONCE = WINDOW + 1
"""A window, and the clean chunk whose keys are stored or the copy of the cleanest one."""
CACHED_CHUNKS = 2
"""With the official KV ranges a clean chunk is out of sight within a stage after it left."""

TEXT_TOKENS = 800
PASSES = 3
"""Of a guided model."""

WIDTH_OF_ACTIVATIONS = 40
"""Bytes per token and unit of width at the worst moment of a block: three float32 residuals and
sums, queries of both kinds and their results, and an MLP four times as wide in bfloat16. Counted
by hand."""

DECODE_BYTES = 1.2e9
"""A batch of one tile of 256 x 256 x 12 through blocks of width 1024: small beside the rest."""

HEADROOM = 1.5
"""Fragmentation and the kernels' workspaces. An estimate, not yet measured on a GPU."""

DECODE_FLOPS = 6.3e6
"""Per pixel and frame: 24 blocks of width 1024 on a token of 256 voxels (2.4e6), its attention over
a tile (1.2e6), and tiles that overlap by a quarter in two directions (1.78 times as much)."""


@dataclass(frozen=True)
class Architecture:
    """Sizes of a MAGI-1 transformer; ``ffn_matrices`` is 3 with a gate."""

    dim: int
    ffn_dim: int
    num_layers: int
    kv_dim: int = 1024
    ffn_matrices: int = 2


MAGI_4_5B = Architecture(dim=3072, ffn_dim=12288, num_layers=34)
MAGI_24B = Architecture(dim=6144, ffn_dim=16384, num_layers=48, ffn_matrices=3)


def memory_of(
    checkpoint: Path, request: ResolvedRequest, dtype: ComputeDtype = ComputeDtype.BFLOAT16
) -> Memory:
    """Weights in ``dtype``, and what a window of chunks takes: the same for any length.

    Args:
        checkpoint: ``ckpt/magi/<variant>``, with ``vae`` and ``t5`` two folders further up.
        request: its size counts.
        dtype: of weights and activations.

    Raises:
        CheckpointError: a configuration or a weights file is damaged.
    """
    parts = checkpoint.parents[1]
    weights = transformer_parameters(checkpoint)
    weights += count_elements(parts / "vae", Naming.DIFFUSERS)
    weights += text_encoder_parameters(parts / "t5" / "t5-v1_1-xxl")
    model = MAGI_24B if checkpoint.name.startswith("24B") else MAGI_4_5B
    running = (_window_bytes(request, model) + DECODE_BYTES) * dtype.itemsize / BFLOAT16_BYTES
    return Memory(
        load_bytes=weights * dtype.itemsize,
        run_bytes=int(running * HEADROOM),
    )


def transformer_parameters(folder: Path) -> int:
    """Numbers of a transformer's weights; the scales of FP8 files are used up in reading.

    Raises:
        CheckpointError: a file is missing or damaged.
    """
    files = weights_folder(folder, find_config(folder))
    return count_elements(files, Naming.TRANSFORMERS, without=SCALES)


def text_encoder_parameters(folder: Path) -> int:
    """Numbers of a T5 encoder. Raises CheckpointError."""
    return sum(math.prod(shape) for _, shape in text_encoder_shapes(folder))


def text_encoder_shapes(folder: Path) -> list[tuple[str, list[int]]]:
    """Names and shapes of a T5 encoder by its ``config.json``: its files may not be converted yet.

    A block has four projections of attention, gated as in v1.1 three of the MLP, and two norms; the
    first has a table of relative positions besides, which all share.

    Raises:
        CheckpointError: the file is missing or damaged.
    """
    try:
        config: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        width, inner = config["d_model"], config["num_heads"] * config["d_kv"]
        buckets = config.get("relative_attention_num_buckets", 32)
        up, down = [config["d_ff"], width], [width, config["d_ff"]]
        block = {
            **{f"layer.0.SelfAttention.{name}": [inner, width] for name in "qkv"},
            "layer.0.SelfAttention.o": [width, inner],
            **{f"layer.1.DenseReluDense.{name}": up for name in ("wi_0", "wi_1")},
            "layer.1.DenseReluDense.wo": down,
            **{f"layer.{place}.layer_norm": [width] for place in (0, 1)},
        }
        blocks = [
            (f"encoder.block.{index}.{name}.weight", shape)
            for index in range(config["num_layers"])
            for name, shape in block.items()
        ]
        positions = "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight"
        return [
            ("shared.weight", [config["vocab_size"], width]),
            ("encoder.final_layer_norm.weight", [width]),
            (positions, [buckets, config["num_heads"]]),
            *blocks,
        ]
    except FileNotFoundError as exc:
        raise missing(folder, "the text encoder's config.json is missing") from exc
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise damaged(folder, "the text encoder's config.json cannot be read") from exc


def chunk_tokens(request: ResolvedRequest) -> int:
    """Tokens of one chunk: 8x8 pixels a latent, 2x2 latents a token."""
    return CHUNK_LATENTS * (request.width // 16) * (request.height // 16)


def _window_bytes(request: ResolvedRequest, model: Architecture) -> float:
    tokens = chunk_tokens(request)
    activations = CHUNKS_AT_ONCE * tokens * model.dim * WIDTH_OF_ACTIVATIONS
    keys = CACHED_CHUNKS * tokens * model.num_layers * 2 * model.kv_dim * BFLOAT16_BYTES
    return activations + keys


def flops_of(request: ResolvedRequest) -> float:
    """Operations of a request on the 4.5B: every pass of every step of every chunk, and the VAE.

    A chunk takes all its steps, and one more to store its keys. Its steps see five, four, three
    and two chunks, a quarter of them each. The 24B does about five times as much.
    """
    chunks = math.ceil(request.clip_frames / CHUNK_FRAMES)
    made = chunks - request.video_frames // CHUNK_FRAMES
    passes = PASSES if request.guidance_scale > 1 else 1
    forward = chunk_flops(chunk_tokens(request), MAGI_4_5B, seen_chunks=3.5)
    vae = DECODE_FLOPS * request.width * request.height * CHUNK_FRAMES * chunks
    return made * (request.num_inference_steps + 1) * passes * forward + vae


def chunk_flops(tokens: int, model: Architecture, seen_chunks: float) -> float:
    """Operations of one forward pass of one chunk, two for each multiply-add.

    A layer projects to two kinds of queries, to keys and values, and back from both results, and
    the text to keys and values of its own; attends to the chunks it sees and to the text; and has
    the matrices of its MLP.
    """
    attention_weights = 4 * model.dim**2 + 2 * model.dim * model.kv_dim
    weights = attention_weights + model.ffn_matrices * model.dim * model.ffn_dim
    attention = 4 * tokens * (seen_chunks * tokens + TEXT_TOKENS) * model.dim
    text = 4 * TEXT_TOKENS * model.dim * model.kv_dim
    return float(model.num_layers * (2 * tokens * weights + attention + text))
