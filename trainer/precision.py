"""What stays in high precision when the base is quantized: as where videos are made of it.

The VAE is never quantized. A LoRA learns in float32 beside weights of any scheme.
"""

from collections.abc import Mapping
from pathlib import Path

from common.runtime.keep import Keep, KeepRules, edge_blocks
from common.runtime.keep_t5 import KEEP_T5
from common.runtime.stored import saved_by
from common.runtime.weights import read_config

NUM_LAYERS = 30
"""Where a configuration does not say."""

_TRANSFORMER = (
    Keep("condition_embedder", "time and text embeddings: they steer every block"),
    Keep("patch_embedding", "input projection: its error goes through every block"),
    Keep("proj_out", "output projection: nothing after it corrects its error"),
    Keep("*norm*", "normalization: a vector, whose error scales whole channels"),
)


def keep_rules(checkpoint: Path) -> Mapping[str, KeepRules]:
    """What is quantized, and what is not: as where videos are made. Raises CheckpointError."""
    layers = read_config(checkpoint, "transformer").get("num_layers", NUM_LAYERS)
    ends = edge_blocks("blocks", layers, "the first and the last block")
    return {"transformer": (*_TRANSFORMER, *ends), "text_encoder": KEEP_T5}


saved_bytes = saved_by(keep_rules)
"""What a scheme takes off a checkpoint's weights. Raises CheckpointError."""
