"""Leaves out the padding of a text, which diffusers masks in every block. 1.5: ``unpadded_15``.

``HunyuanVideoTransformer3DModel`` gives each of its 60 blocks a mask of all tokens, also where it
hides none, and with a mask torch takes no flash attention: attention is 10.5 of the 12.1 PFLOP of a
pass at 1280x720 and 129 frames. Padding is at a text's end. Cut off in front of the transformer, it
leaves the other tokens the same sums, up to their rounding. Written against diffusers 0.42.1,
models/transformers/transformer_hunyuan_video.py.
"""

from typing import Any

import common.runtime.libraries  # noqa: F401


def leave_out_padding(transformer: Any) -> None:
    """Do so in every call of the transformer from now on.

    Texts of a batch are cut to the longest. The mask stays where there are several. Where blocks
    are compiled, the second length of a text compiles them once more, for any other too.
    """
    transformer.register_forward_pre_hook(_without_padding, with_kwargs=True)
    for block in (*transformer.transformer_blocks, *transformer.single_transformer_blocks):
        block.attn.register_forward_pre_hook(_without_mask, with_kwargs=True)


def _without_padding(_transformer: Any, args: Any, given: dict[str, Any]) -> tuple[Any, Any]:
    """Of the text's states [B, L, D] and its mask [B, L], 1 where there is a token."""
    mask = given["encoder_attention_mask"]
    longest = int(mask.count_nonzero(dim=1).max())
    text = given["encoder_hidden_states"][:, :longest]
    cut = {"encoder_hidden_states": text, "encoder_attention_mask": mask[:, :longest]}
    return args, given | cut


def _without_mask(_attention: Any, args: Any, given: dict[str, Any]) -> tuple[Any, Any]:
    """A single text is as long as the longest: its mask hides nothing."""
    alone = given["hidden_states"].shape[0] == 1
    return args, given | {"attention_mask": None} if alone else given
