"""Which of the two architectures a checkpoint is: HunyuanVideo, or 1.5. No torch here."""

from pathlib import Path

from common.runtime.weights import read_config

PREFIX_15 = "hunyuanvideo-community/HunyuanVideo-1.5-Diffusers-"

TRANSFORMER_15 = "HunyuanVideo15Transformer3DModel"


def is_15_name(repository: str) -> bool:
    """Whether a repository of the hub holds HunyuanVideo 1.5."""
    return repository.startswith(PREFIX_15)


def is_15(checkpoint: Path) -> bool:
    """Whether a checkpoint on disk is HunyuanVideo 1.5. Raises CheckpointError."""
    return bool(read_config(checkpoint, "transformer").get("_class_name") == TRANSFORMER_15)
