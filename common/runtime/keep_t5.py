"""What stays in high precision in the text encoders T5 and UMT5, and why. No torch here."""

from common.runtime.keep import Keep

KEEP_T5 = (
    Keep(
        "SelfAttention",
        "self-attention of the text encoder: it decides which words belong together",
    ),
    Keep(
        "wo",
        "T5 and UMT5 declare it for float32: it takes the encoder's largest activations, and its "
        "input is cast to the dtype of this weight",
    ),
    Keep("shared", "token embeddings: looked up, not multiplied"),
    Keep("embed_tokens", "token embeddings: looked up, not multiplied"),
    Keep("relative_attention_bias", "position embeddings: looked up, not multiplied"),
    Keep("*layer_norm", "normalization: a vector, whose error scales whole channels"),
)
"""``wo``: transformers, models/t5/modeling_t5.py and models/umt5/modeling_umt5.py,
``_keep_in_fp32_modules`` and the forward of their feed-forward layers. As bfloat16 it has the range
of float32. It is a quarter of what could be quantized: 2 GB in bfloat16 of UMT5-XXL."""
