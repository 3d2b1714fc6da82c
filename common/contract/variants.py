"""Checkpoints that a service can serve."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Adapter:
    """A LoRA, by its hub id: added to a checkpoint's weights while they are loaded.

    Where two transformers share the steps there is a file for each.
    """

    name: str
    """What an operator asks for, after the checkpoint's id and a plus."""
    repository: str
    file: str
    revision: str = "main"
    """As a variant's."""
    file_2: str | None = None
    """For the second transformer, where a checkpoint has one."""

    @property
    def files(self) -> tuple[str, ...]:
        """All that is fetched."""
        return (self.file,) if self.file_2 is None else (self.file, self.file_2)


@dataclass(frozen=True)
class Extra:
    """Files that a checkpoint can do without: what they are for is possible where they are."""

    repository: str
    """May be the checkpoint's own."""
    files: tuple[str, ...]
    """Paths in it, in the order in which a model expects them."""
    size_bytes: int
    """Of all of them, as published."""
    revision: str = "main"
    """As a variant's."""


@dataclass(frozen=True)
class Variant:
    """One checkpoint that a service can serve. A kind's own class says what it can do."""

    checkpoint: str
    """Hub id, ``org/name``; of one not yet published, a shell pattern for the id it may get."""
    revision: str
    """The commit whose files are known; of a repository that nobody has looked at, its branch."""
    capabilities: frozenset[Any]
    """Words of the kind."""
    limits: Any
    """A frozen dataclass of the kind: the range that the checkpoint can make."""
    defaults: Any
    """A frozen dataclass of the kind: what a request gets that does not say."""
    adapter: Adapter | None = None
    extra: Extra | None = None
    subfolder: str = ""
    """Where it lies, in a repository that holds several: ``load`` is given this folder."""
    shared_folders: tuple[str, ...] = ()
    """Of such a repository, what several variants use."""
    unused_files: tuple[str, ...] = ()
    """Patterns of files in its folders that are not fetched: nothing here loads them."""
    files: tuple[str, ...] = ()
    """Patterns of all that is fetched, where it is no diffusers checkpoint."""
    stands_in_for: str | None = None
    """The model that people expect of the service, where this checkpoint is not that model."""

    @property
    def folder_name(self) -> str:
        """The hub id, and the folder's name where it has one: ``sand-ai/MAGI-1#4.5B_distill``."""
        folder = self.subfolder.rpartition("/")[2]
        return f"{self.checkpoint}#{folder}" if folder else self.checkpoint

    @property
    def name(self) -> str:
        """What ``CHECKPOINT`` calls it: that, and the adapter's name where there is one."""
        return f"{self.folder_name}+{self.adapter.name}" if self.adapter else self.folder_name


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
    adapter_2: Path | None = None
    """Its file for the second transformer."""
    extra: Extra | None = None
    """Which more there may be; looked for anew at each job."""
    stands_in_for: str | None = None


NO_MODEL = Checkpoint(id="none", revision="none", path=Path())
"""Of what is made without one."""
