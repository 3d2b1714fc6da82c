"""From the names of the original code, in which most LoRAs are published, to those of diffusers."""

from collections.abc import Mapping
from typing import Any

import common.runtime.libraries  # noqa: F401

from diffusers.loaders.single_file_utils import convert_wan_transformer_to_diffusers


def to_diffusers_names(original: Mapping[str, Any]) -> dict[str, Any]:
    """The same values under the names that ``WanTransformer3DModel`` has for them."""
    renamed: dict[str, Any] = convert_wan_transformer_to_diffusers(dict(original))
    return renamed
