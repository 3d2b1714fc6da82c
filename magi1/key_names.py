"""The official checkpoints' names of tensors, and ours. No torch here.

Layout: SandAI-org/MAGI-1, inference/infra/checkpoint/checkpointing.py.
"""

import re

_NAMES = {
    "x_embedder": "patch_embed",
    "t_embedder.mlp.0": "time_embed.linear_1",
    "t_embedder.mlp.2": "time_embed.linear_2",
    "y_embedder.null_caption_embedding": "caption_embed.null_caption",
    "y_embedder.y_proj_xattn.0": "caption_embed.text_proj",
    "y_embedder.y_proj_adaln.0": "caption_embed.condition_proj",
    "rope.bands": "rope.bands",
    "videodit_blocks.final_layernorm": "norm_out",
    "final_linear.linear": "proj_out",
}
"""Official names outside the blocks, and ours."""

_BLOCK_NAMES = {
    "ada_modulate_layer.proj.0": "gates",
    "self_attention.linear_qkv.layer_norm": "attn.norm",
    "self_attention.linear_qkv.q": "attn.to_q",
    "self_attention.linear_qkv.k": "attn.to_k",
    "self_attention.linear_qkv.v": "attn.to_v",
    "self_attention.linear_qkv.qx": "attn.to_text_q",
    "self_attention.linear_kv_xattn": "attn.to_text_kv",
    "self_attention.q_layernorm": "attn.norm_q",
    "self_attention.k_layernorm": "attn.norm_k",
    "self_attention.q_layernorm_xattn": "attn.norm_text_q",
    "self_attention.k_layernorm_xattn": "attn.norm_text_k",
    "self_attention.linear_proj": "attn.to_out",
    "self_attn_post_norm": "norm_attn",
    "mlp.layer_norm": "ffn.norm",
    "mlp.linear_fc1": "ffn.up",
    "mlp.linear_fc2": "ffn.down",
    "mlp_post_norm": "norm_ffn",
}
"""Official names below ``videodit_blocks.layers.N``, and ours below ``blocks.N``."""

_BLOCK = re.compile(r"videodit_blocks\.layers\.(\d+)\.(.+)")


def our_name(key: str) -> str:
    """The name of an official key in ``MagiTransformer3DModel``.

    Raises:
        KeyError: MAGI-1 has no such key.
    """
    if key in _NAMES:
        return _NAMES[key]
    module, _, kind = key.rpartition(".")
    inside = _BLOCK.fullmatch(module)
    if inside is None:
        return f"{_NAMES[module]}.{kind}"
    return f"blocks.{inside[1]}.{_BLOCK_NAMES[inside[2]]}.{kind}"
