"""Tiny random-weight checkpoints in the exact layout of the real ones; their pictures mean nothing.

They lie in a Hugging Face hub cache, as ``hf download --cache-dir`` leaves the real ones:
``models--<org>--<name>/refs/main`` names a revision, ``snapshots/<revision>/`` holds the files.
"""

import hashlib
import tempfile
from collections.abc import Callable
from pathlib import Path

OURS = "tiny-"
"""How our revisions begin."""
RANDOM = "tiny-random-"


def publish(
    models_dir: Path,
    repo_id: str,
    recipe: Path,
    save: Callable[[Path], None],
    *,
    force: bool,
    kind: str = RANDOM,
) -> Path:
    """Make one checkpoint appear in the cache, whole or not at all.

    Args:
        models_dir: root of the hub cache.
        repo_id: ``org/name`` on the hub.
        recipe: the file that describes the checkpoint. The revision ends with 8 digits of its
            digest: a new recipe is a new revision.
        save: writes the checkpoint into an empty folder.
        force: make it again where this very revision exists.
        kind: how the revision begins.

    Returns:
        The snapshot's folder, as it is now or was already.

    Raises:
        FileExistsError: the real checkpoint is there; it is never replaced.
    """
    repository = models_dir / f"models--{repo_id.replace('/', '--')}"
    reference = repository / "refs" / "main"
    digest = hashlib.sha256(recipe.read_bytes()).hexdigest()
    snapshot = repository / "snapshots" / f"{kind}{digest[:8]}"
    if any(not name.startswith(OURS) for name in _revisions(repository)):
        raise FileExistsError(f"{repo_id} is there with real weights: left alone")
    if force or not snapshot.is_dir():
        _fill(models_dir, snapshot, save)
    _write_reference(reference, snapshot.name)
    return snapshot


def _revisions(repository: Path) -> list[str]:
    """What is there: by a commit, which has no reference, or as what ``main`` names."""
    reference = repository / "refs" / "main"
    named = [reference.read_text()] if reference.is_file() else []
    return [*named, *(folder.name for folder in (repository / "snapshots").glob("*"))]


def _fill(models_dir: Path, snapshot: Path, save: Callable[[Path], None]) -> None:
    models_dir.mkdir(parents=True, exist_ok=True)
    snapshot.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=models_dir, prefix=".tiny-") as workshop:
        fresh, old = Path(workshop, "fresh"), Path(workshop, "old")
        fresh.mkdir()
        save(fresh)
        _make_readable(fresh)
        if snapshot.is_dir():
            snapshot.rename(old)
        fresh.rename(snapshot)


def _make_readable(folder: Path) -> None:
    """Let other users read: safetensors makes private files, and a container has its own user."""
    folder.chmod(0o755)
    for path in folder.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)


def _write_reference(reference: Path, revision: str) -> None:
    reference.parent.mkdir(parents=True, exist_ok=True)
    draft = reference.with_name(".main.tmp")
    draft.write_text(revision)
    draft.replace(reference)
