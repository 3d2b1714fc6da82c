"""From the names of the original code, in which most LoRAs are published, to those of diffusers."""

import re
from collections.abc import Mapping
from typing import Any

import common.runtime.libraries  # noqa: F401

from diffusers.loaders.single_file_utils import convert_wan_transformer_to_diffusers

_JOINED = re.compile(
    r"lora_unet_((?:\w+_)?blocks)_(\d+)"  # a stack, and the number of a block
    r"_((?:\w*_)?(?:attn\d?|ffn?))_(\w+?)(\.\w+)"  # a part of it, a layer of that, and the ending
)
_LEAF = re.compile(r"(?<=net)_|(?<=to_out)_|_(?=proj$)")


def to_diffusers_names(original: Mapping[str, Any]) -> dict[str, Any]:
    """The same values under the names that ``WanTransformer3DModel`` has for them.

    Those that have diffusers' names already keep them.
    """
    dotted = {with_dots(name): value for name, value in original.items()}
    renamed: dict[str, Any] = convert_wan_transformer_to_diffusers(dotted)
    return renamed


def with_dots(name: str) -> str:
    """A parameter's name, whose dots kohya-ss/musubi-tuner has made underscores.

    ``lora_unet_blocks_3_self_attn_q.weight`` is ``blocks.3.self_attn.q.weight``, and
    ``..._ff_net_0_proj.weight`` ends in ``ff.net.0.proj.weight``.
    """
    found = _JOINED.fullmatch(name)
    if found is None:
        return name
    stack, index, part, leaf, ending = found.groups()
    return f"{stack}.{index}.{part}.{_LEAF.sub('.', leaf)}{ending}"
