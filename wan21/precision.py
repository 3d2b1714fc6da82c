"""What stays in high precision when Wan2.1 is quantized, and why.

The image encoder (CLIP, 0.6 billion parameters, run once a job) and the VAE are never quantized.
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
    Keep(
        "condition_embedder",
        "time, text and picture embeddings: they steer every block, and are 1.6 % of the 14B",
    ),
    Keep("patch_embedding", "input projection: its error goes through every block"),
    Keep("proj_out", "output projection: nothing after it corrects its error"),
    Keep("*norm*", "normalization: a vector, whose error scales whole channels"),
)
"""``WanTransformer3DModel`` itself declares ``time_embedder``, ``rope`` and its norms for float32;
diffusers keeps ``patch_embedding``, ``condition_embedder`` and ``norm`` from its own layerwise
casting (models/transformers/transformer_wan.py, ``_skip_layerwise_casting_patterns``). The tables
of scales and shifts in every block are no linear layers and are never touched."""

KEEP_TEXT_ENCODER = (
    Keep(
        "SelfAttention",
        "self-attention of the text encoder: it decides which words belong together",
    ),
    Keep(
        "wo",
        "UMT5 declares it for float32: it takes the encoder's largest activations, and its input "
        "is cast to the dtype of this weight",
    ),
    Keep("shared", "token embeddings: looked up, not multiplied"),
    Keep("embed_tokens", "token embeddings: looked up, not multiplied"),
    Keep("relative_attention_bias", "position embeddings: looked up, not multiplied"),
    Keep("*layer_norm", "normalization: a vector, whose error scales whole channels"),
)
"""``wo``: transformers, models/umt5/modeling_umt5.py, ``_keep_in_fp32_modules`` and the forward of
its feed-forward layers. It is a quarter of what could be quantized: 2 GB in bfloat16."""

NUM_LAYERS = 40
"""Where a configuration does not say (``WanTransformer3DModel``)."""


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
