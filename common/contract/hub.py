"""Finds checkpoints on disk, in the layout of the Hugging Face hub's cache. Downloads nothing."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

from common.base.errors import CheckpointError
from common.base.settings import SettingsError
from common.contract.model import ModelSpec
from common.contract.variants import Adapter, Checkpoint, Extra, Variant

OTHER_CHECKPOINT = (
    "Fetching it again cannot help. Leave CHECKPOINT unset: the default is what was tested here."
)
"""The way out where files are whole, and another model's."""

_COMMIT = re.compile("[0-9a-f]{40}")


def download_command(repository: str) -> str:
    """What brings the files of a repository that a service is set to, and no others.

    The script knows what ``hf download`` alone does not: which of them are used, at which
    revision, and what must be converted.
    """
    return f"scripts/download_models.sh {repository}"


def is_commit(revision: str) -> bool:
    """Whether a revision is a commit, which never changes; a branch or a tag may."""
    return bool(_COMMIT.fullmatch(revision))


def revision_notes(models_dir: Path, variant: Variant) -> list[str]:
    """For each repository of a variant: how sure it is that its files are the known ones."""
    return [
        f"{repository}: {_note(_snapshot(models_dir, repository, revision), repository, revision)}"
        for repository, revision in _repositories(variant)
    ]


def _repositories(variant: Variant) -> Iterator[tuple[str, str]]:
    yield variant.checkpoint, variant.revision
    if variant.adapter:
        yield variant.adapter.repository, variant.adapter.revision
    if variant.extra and variant.extra.repository != variant.checkpoint:
        yield variant.extra.repository, variant.extra.revision


def _note(snapshot: Path, repository: str, revision: str) -> str:
    if not is_commit(revision):
        return f"{revision} is a branch and may move; no commit of it has been looked at."
    if snapshot.name == revision or not snapshot.is_dir():
        return f"pinned to the commit {revision}."
    command = download_command(repository)
    return (
        f"pinned to the commit {revision}, but another is on disk and used. Run: {command}; "
        "what did not change is not fetched again."
    )


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
    """Find the snapshot of the variant's revision below ``models_dir``, and its adapter.

    Where a commit is asked for and is not there, what was downloaded as ``main`` is taken: it was
    good enough before the commit was known. ``revision`` says which it is.

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
        extra=variant.extra,
    )
    return _with_adapter(found, models_dir, variant.adapter) if variant.adapter else found


@dataclass(frozen=True)
class ExtraFiles:
    """Where the files of an ``Extra`` are, in its order, and the commit that the cache says."""

    paths: tuple[Path, ...]
    revision: str

    @property
    def size_bytes(self) -> int:
        """Of all of them."""
        return sum(path.stat().st_size for path in self.paths)


def extra_files(models_dir: Path, extra: Extra) -> ExtraFiles | None:
    """What there is of it below ``models_dir``; None unless all of it is there."""
    folder = _snapshot(models_dir, extra.repository, extra.revision)
    paths = tuple(folder / name for name in extra.files)
    found = all(path.is_file() for path in paths)
    return ExtraFiles(paths, folder.name) if found else None


def _with_adapter(base: Checkpoint, models_dir: Path, adapter: Adapter) -> Checkpoint:
    folder = _snapshot(models_dir, adapter.repository, adapter.revision)
    for name in adapter.files:
        if not (folder / name).is_file():
            raise CheckpointError(
                f"The adapter {adapter.repository}/{name} is not in the models folder.",
                hint=f"Run: {download_command(adapter.repository)}",
            )
    return replace(
        base,
        id=" + ".join((base.id, *(f"{adapter.repository}/{name}" for name in adapter.files))),
        revision=f"{base.revision} + {folder.name}",
        adapter=folder / adapter.file,
        adapter_2=folder / adapter.file_2 if adapter.file_2 else None,
    )


def _snapshot(models_dir: Path, repository: str, revision: str) -> Path:
    """Where a revision of a repository lies, if it is there; its name is the commit."""
    folder = models_dir / f"models--{repository.replace('/', '--')}"
    snapshots = folder / "snapshots"
    if (snapshots / revision).is_dir():
        return snapshots / revision
    for name in (revision, "main"):
        if (ref := folder / "refs" / name).is_file():
            return snapshots / ref.read_text().strip()
    return snapshots / revision
