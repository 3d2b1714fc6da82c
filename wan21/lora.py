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

from pathlib import Path

from common.runtime.lora import Lora
from common.runtime.lora_names import to_diffusers_names


def open_lora(path: Path) -> Lora:
    """Open a LoRA for a ``WanTransformer3DModel``.

    Raises:
        CheckpointError: it is damaged, or not in a layout that is known here.
    """
    return Lora(path, to_diffusers_names)
