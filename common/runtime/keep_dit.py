"""What stays in high precision in a diffusion transformer beside UMT5, in diffusers' names.

The stack is called ``blocks``, with embeddings before and ``proj_out`` after it. The autoencoder
and an image encoder (run once a job) are never quantized. No torch here.
"""

from collections.abc import Mapping
from pathlib import Path

from common.runtime.keep import TRANSFORMERS, Keep, KeepRules, edge_blocks
from common.runtime.keep_t5 import KEEP_T5
from common.runtime.stored import saved_by
from common.runtime.weights import read_config

_ENDS = "the first and the last block, as the authors of LTX-2 and MAGI-1 keep theirs"

_TRANSFORMER = (
    Keep(
        "condition_embedder",
        "time, text and picture embeddings: they steer every block, and are 1.6 % of a 14B",
    ),
    Keep("patch_embedding", "input projection: its error goes through every block"),
    Keep("proj_out", "output projection: nothing after it corrects its error"),
    Keep("*norm*", "normalization: a vector, whose error scales whole channels"),
)
"""``WanTransformer3DModel`` itself declares ``time_embedder``, ``rope`` and its norms for float32;
diffusers keeps ``patch_embedding``, ``condition_embedder`` and ``norm`` from its own layerwise
casting (models/transformers/transformer_wan.py, ``_skip_layerwise_casting_patterns``). The tables
of scales and shifts in every block are no linear layers and are never touched."""

NUM_LAYERS = 40
"""Where a configuration does not say: the class's own default, which it is then loaded with."""


def keep_transformer(num_layers: int = NUM_LAYERS) -> tuple[Keep, ...]:
    """Rules for a transformer of so many blocks."""
    return (*_TRANSFORMER, *edge_blocks("blocks", num_layers, _ENDS))


def keep_rules(checkpoint: Path) -> Mapping[str, KeepRules]:
    """By component; only these are quantized. A second transformer is like the first.

    Raises:
        CheckpointError: a configuration is damaged.
    """
    layers = read_config(checkpoint, "transformer").get("num_layers", NUM_LAYERS)
    return {**dict.fromkeys(TRANSFORMERS, keep_transformer(layers)), "text_encoder": KEEP_T5}


saved_bytes = saved_by(keep_rules)
"""What a scheme takes off a checkpoint's weights. Raises CheckpointError."""
