"""Finds checkpoints on disk, in the layout of the Hugging Face hub's cache. Downloads nothing."""

from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

from common.contract import Adapter, ModelSpec, Variant
from common.errors import CheckpointError
from common.settings import SettingsError


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint on disk. ``revision`` is the commit that the cache says it is.

    With an adapter, ``id`` and ``revision`` name both: they are what a job says made it.
    """

    id: str
    revision: str
    path: Path
    adapter: Path | None = None
    """The adapter's file."""
    stands_in_for: str | None = None


def download_command(repository: str) -> str:
    """What brings a checkpoint: its folders, not the single files that repeat their weights."""
    patterns = "--include '*/*' --include model_index.json"
    return f"hf download {repository} {patterns} --cache-dir $MODELS_DIR"


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
        if "*" in variant.checkpoint and fnmatchcase(checkpoint, variant.checkpoint):
            return replace(variant, checkpoint=checkpoint)
    known = ", ".join(variant.name for variant in spec.variants)
    name = f"{spec.id.upper()}_CHECKPOINT"
    raise SettingsError(
        f"{name}={checkpoint} is not one that {spec.id} can serve.",
        param=name,
        hint=f"Take one of {known}.",
    )


def locate(models_dir: Path, variant: Variant) -> Checkpoint:
    """Find the newest snapshot of the variant's revision below ``models_dir``, and its adapter.

    Raises:
        CheckpointError: one of them is not there; the hint is the command that brings it.
    """
    snapshot = _snapshot(models_dir, variant.checkpoint, variant.revision)
    path = snapshot / variant.subfolder
    if not path.is_dir():
        raise CheckpointError(
            f"The checkpoint {variant.folder_name} is not in the models folder.",
            hint=f"Run: {download_command(variant.checkpoint)}",
        )
    found = Checkpoint(
        id=variant.folder_name,
        revision=snapshot.name,
        path=path,
        stands_in_for=variant.stands_in_for,
    )
    return _with_adapter(found, models_dir, variant.adapter) if variant.adapter else found


def _with_adapter(base: Checkpoint, models_dir: Path, adapter: Adapter) -> Checkpoint:
    folder = _snapshot(models_dir, adapter.repository, adapter.revision)
    file = folder / adapter.file
    if not file.is_file():
        raise CheckpointError(
            f"The adapter {adapter.repository}/{adapter.file} is not in the models folder.",
            hint=f"Run: hf download {adapter.repository} {adapter.file} --cache-dir $MODELS_DIR",
        )
    return replace(
        base,
        id=f"{base.id} + {adapter.repository}/{adapter.file}",
        revision=f"{base.revision} + {folder.name}",
        adapter=file,
    )


def _snapshot(models_dir: Path, repository: str, revision: str) -> Path:
    """Where a revision of a repository lies, if it is there; its name is the commit."""
    folder = models_dir / f"models--{repository.replace('/', '--')}"
    ref = folder / "refs" / revision
    commit = ref.read_text().strip() if ref.is_file() else revision
    return folder / "snapshots" / commit
