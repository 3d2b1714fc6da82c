"""From the names that LoRAs for LTX-2 are published in to those of diffusers."""

from collections.abc import Mapping
from typing import Any

import common.runtime.libraries  # noqa: F401

from diffusers.loaders.single_file_utils import convert_ltx2_transformer_to_diffusers

from common.runtime.lora_names import with_dots


def to_diffusers_names(original: Mapping[str, Any]) -> dict[str, Any]:
    """The same values under the names that ``LTX2VideoTransformer3DModel`` has for them.

    What is for the text connectors has none: they are another module.
    """
    dotted = {
        with_dots(name).replace("prompt_adaln_single.", "prompt_adaln."): value  # LTX-2.3's
        for name, value in original.items()
    }
    renamed: dict[str, Any] = convert_ltx2_transformer_to_diffusers(dotted)
    return renamed
