"""What stays in high precision when a checkpoint of this service is quantized, and why.

The VAE is never quantized.
"""

from collections.abc import Mapping
from pathlib import Path

from common.contract import Quantization
from common.contract.compute_dtype import ComputeDtype
from common.runtime.keep import Keep, KeepRules, edge_blocks
from common.runtime.stored import saved_of_folders
from common.runtime.weights import read_config

_ENDS = "the first and the last block, as the authors of LTX-2 and MAGI-1 keep theirs"

_TRANSFORMER = (
    Keep("condition_embedder", "time and text embeddings: they steer every block"),
    Keep("patch_embedding", "input projection: its error goes through every block"),
    Keep("proj_out", "output projection: nothing after it corrects its error"),
    Keep("*norm*", "normalization: a vector, whose error scales whole channels"),
)
"""``patch_embedding``, ``condition_embedder`` and ``norm`` are what diffusers 0.42.1 keeps from its
own layerwise casting (models/transformers/transformer_wan.py)."""

KEEP_TEXT_ENCODER = (
    Keep(
        "SelfAttention",
        "self-attention of the text encoder: it decides which words belong together",
    ),
    Keep("wo", "UMT5 declares it for float32: it takes the encoder's largest activations"),
    Keep("shared", "token embeddings: looked up, not multiplied"),
    Keep("embed_tokens", "token embeddings: looked up, not multiplied"),
    Keep("relative_attention_bias", "position embeddings: looked up, not multiplied"),
    Keep("*layer_norm", "normalization: a vector, whose error scales whole channels"),
)
"""``wo``: transformers, models/umt5/modeling_umt5.py, ``_keep_in_fp32_modules``."""

NUM_LAYERS = 30
"""Where a configuration does not say (the 5B and the 1.3B have as many)."""


def keep_transformer(num_layers: int = NUM_LAYERS) -> tuple[Keep, ...]:
    """Rules for a transformer of so many blocks."""
    return (*_TRANSFORMER, *edge_blocks("blocks", num_layers, _ENDS))


def keep_rules(checkpoint: Path) -> Mapping[str, KeepRules]:
    """By component; only these two are quantized. Raises CheckpointError."""
    layers = read_config(checkpoint, "transformer").get("num_layers", NUM_LAYERS)
    return {"transformer": keep_transformer(layers), "text_encoder": KEEP_TEXT_ENCODER}


def saved_bytes(
    checkpoint: Path, scheme: Quantization, dtype: ComputeDtype = ComputeDtype.BFLOAT16
) -> int:
    """What ``scheme`` takes off a checkpoint's weights in ``dtype``. Raises CheckpointError."""
    return saved_of_folders(checkpoint, scheme, dtype, keep_rules(checkpoint))
