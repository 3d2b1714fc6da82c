"""What stays in high precision when a checkpoint of this service is quantized, and why.

The VAE is never quantized.
"""

from collections.abc import Mapping
from pathlib import Path

from common.runtime.keep import Keep, KeepRules, edge_blocks
from common.runtime.keep_t5 import KEEP_T5
from common.runtime.stored import saved_by
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

NUM_LAYERS = 30
"""Where a configuration does not say (the 5B and the 1.3B have as many)."""


def keep_transformer(num_layers: int = NUM_LAYERS) -> tuple[Keep, ...]:
    """Rules for a transformer of so many blocks."""
    return (*_TRANSFORMER, *edge_blocks("blocks", num_layers, _ENDS))


def keep_rules(checkpoint: Path) -> Mapping[str, KeepRules]:
    """By component; only these two are quantized. Raises CheckpointError."""
    layers = read_config(checkpoint, "transformer").get("num_layers", NUM_LAYERS)
    return {"transformer": keep_transformer(layers), "text_encoder": KEEP_T5}


saved_bytes = saved_by(keep_rules)
"""What a scheme takes off a checkpoint's weights. Raises CheckpointError."""
