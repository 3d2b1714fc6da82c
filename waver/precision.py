"""What stays in high precision when a checkpoint of this service is quantized, and why.

The VAE is never quantized.
"""

from common.runtime.quantization import Keep

KEEP_TRANSFORMER = (
    Keep("condition_embedder", "time and text embeddings: they steer every block"),
    Keep("patch_embedding", "input projection: its error goes through every block"),
    Keep("proj_out", "output projection: nothing after it corrects its error"),
    Keep("*norm*", "normalization: a vector, whose error scales whole channels"),
)
"""``patch_embedding``, ``condition_embedder`` and ``norm`` are what diffusers 0.42.1 keeps from its
own layerwise casting (models/transformers/transformer_wan.py)."""

KEEP_TEXT_ENCODER = (
    Keep("wo", "UMT5 declares it for float32: it takes the encoder's largest activations"),
    Keep("shared", "token embeddings: looked up, not multiplied"),
    Keep("embed_tokens", "token embeddings: looked up, not multiplied"),
    Keep("relative_attention_bias", "position embeddings: looked up, not multiplied"),
    Keep("*layer_norm", "normalization: a vector, whose error scales whole channels"),
)
"""``wo``: transformers, models/umt5/modeling_umt5.py, ``_keep_in_fp32_modules``."""
