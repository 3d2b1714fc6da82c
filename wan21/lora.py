"""Reads a Wan LoRA in the names of Wan's original code, in which they are published.

The step-distilled ones of lightx2v/Wan2.1-Distill-Loras change nearly every weight, bias and norm.
The script that made them writes modulation tables too, as ``diff_m`` (ModelTC/LightX2V,
tools/extract/lora_extractor.py; lightx2v/utils/lora_loader.py applies all of it). The file for
pictures has none: its size leaves no room for them. Of the one for text it is not known, and they
are read where they are there. diffusers' own conversion of LoRAs drops the norms, the modulation
and the patch embedding (0.42.1, loaders/lora_conversion_utils.py) and wants peft. So the file is
read here, and only the renaming is diffusers': the one it has for whole checkpoints in the original
layout.
"""

from collections.abc import Sequence
from pathlib import Path

from common.runtime.lora import Lora
from common.runtime.lora_names import to_diffusers_names

PICTURE_BRANCH = (
    "condition_embedder.image_embedder.*",
    "*.add_k_proj.*",
    "*.add_v_proj.*",
    "*.norm_added_k.*",
)
"""What Wan2.1 has for CLIP, and Wan2.2 has not. The published low-noise LoRA of I2V-A14B changes it
all the same, which its authors say is of no effect (ModelTC/LightX2V, issues 417 and 1246)."""


def open_lora(path: Path, unused: Sequence[str] = ()) -> Lora:
    """Open a LoRA for a ``WanTransformer3DModel``; ``unused`` names what it may change in vain.

    Raises:
        CheckpointError: it is damaged, or not in a layout that is known here.
    """
    return Lora(path, to_diffusers_names, unused)
