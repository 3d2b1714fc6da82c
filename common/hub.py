"""Finds checkpoints on disk, in the layout of the Hugging Face hub's cache. Downloads nothing."""

from dataclasses import dataclass
from pathlib import Path

from common.contract import ModelSpec, Variant
from common.errors import CheckpointError
from common.settings import SettingsError


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint on disk. ``revision`` is the commit that the cache says it is."""

    id: str
    revision: str
    path: Path


def choose_variant(spec: ModelSpec, checkpoint: str | None) -> Variant:
    """The variant that serves ``checkpoint``; the first where none is named.

    Raises:
        SettingsError: the service does not know this checkpoint.
    """
    if checkpoint is None:
        return spec.variants[0]
    for variant in spec.variants:
        if variant.name == checkpoint:
            return variant
    known = ", ".join(variant.name for variant in spec.variants)
    name = f"{spec.id.upper()}_CHECKPOINT"
    raise SettingsError(
        f"{name}={checkpoint} is not one that {spec.id} can serve.",
        param=name,
        hint=f"Take one of {known}.",
    )


def locate(models_dir: Path, variant: Variant) -> Checkpoint:
    """Find the newest snapshot of the variant's revision below ``models_dir``.

    Raises:
        CheckpointError: it is not there; the hint is the command that brings it.
    """
    folder = models_dir / f"models--{variant.checkpoint.replace('/', '--')}"
    ref = folder / "refs" / variant.revision
    revision = ref.read_text().strip() if ref.is_file() else variant.revision
    path = folder / "snapshots" / revision / variant.subfolder
    if not path.is_dir():
        raise CheckpointError(
            f"The checkpoint {variant.name} is not in the models folder.",
            hint=f"Run: hf download {variant.checkpoint} --cache-dir $MODELS_DIR",
        )
    return Checkpoint(id=variant.name, revision=revision, path=path)
