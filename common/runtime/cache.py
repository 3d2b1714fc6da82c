"""Quantized weights on disk: the next load reads them and nothing else.

Whatever is wrong here costs time, never a job: a bad entry is removed and the source is read; an
entry that cannot be written is not there next time. An entry appears by a rename, so a writer
that is killed leaves the old one or none.
"""

import contextlib
import fcntl
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Collection
from pathlib import Path

from torch import nn

from common.runtime.cache_entry import MANIFEST, WEIGHTS, BadEntry, CacheEntry
from common.runtime.cache_recipe import Recipe
from common.runtime.cache_writer import entry_bytes, sync_paths, write_entry

log = logging.getLogger(__name__)

_DRAFT = ".draft-"
_GONE = ".gone-"
_SPARE_BYTES = 64 * 2**20
"""Left free on the volume, so that others on it do not meet the end of the disk by our doing."""
_ABANDONED_SECONDS = 3600.0
"""Age from which a draft without a file in it has no writer any more."""


class WeightCache:
    """A folder of entries, bounded by the least recently used.

    ``max_bytes`` of 0 is no bound but the volume's own. What this object has opened or written is
    never removed by it, and what any process has open by nobody.
    """

    def __init__(self, folder: Path, max_bytes: int = 0) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._in_use: set[str] = set()

    def open(self, recipe: Recipe) -> CacheEntry | None:
        """The entry, checked as far as its header; None where there is none, or none of use."""
        path = self._folder / recipe.name
        try:
            entry = CacheEntry(path)
            os.utime(path / MANIFEST)
        except FileNotFoundError:
            return None
        except BadEntry as exc:
            self.discard(recipe, str(exc))
            return None
        except OSError as exc:
            log.warning("quantized weights cannot be read", extra={"reason": exc.strerror})
            return None
        self._in_use.add(recipe.name)
        return entry

    def discard(self, recipe: Recipe, reason: str) -> None:
        """Remove an entry that turned out bad."""
        extra = {"entry": recipe.name, "reason": reason}
        log.warning("removing damaged quantized weights, reading the source", extra=extra)
        self._in_use.discard(recipe.name)
        self._remove(self._folder / recipe.name)

    def store(
        self,
        recipe: Recipe,
        module: nn.Module,
        linears: Collection[str],
        tick: Callable[[int], None] = lambda _count: None,
    ) -> bool:
        """Write ``module`` for the next load. Answers whether it is there now.

        Without room, or with any other trouble of the disk, there is one warning and no entry.
        What ``tick`` raises leaves the writing, without an entry.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            _open_to_all(self._folder)
            self._sweep()
            if not self._make_room(entry_bytes(module, linears)):
                log.warning("no room to keep quantized weights", extra={"entry": recipe.name})
                return False
            self._write(recipe, module, linears, tick)
        except OSError as exc:
            extra = {"entry": recipe.name, "reason": exc.strerror}
            log.warning("quantized weights were not kept", extra=extra)
            return False
        self._in_use.add(recipe.name)
        return True

    def _write(
        self,
        recipe: Recipe,
        module: nn.Module,
        linears: Collection[str],
        tick: Callable[[int], None],
    ) -> None:
        draft = Path(tempfile.mkdtemp(prefix=f"{_DRAFT}{recipe.name}-", dir=self._folder))
        try:
            write_entry(draft, module, linears, tick)
            _open_to_all(draft, draft / WEIGHTS, draft / MANIFEST)
            self._publish(draft, self._folder / recipe.name)
        finally:
            shutil.rmtree(draft, ignore_errors=True)

    def _publish(self, draft: Path, path: Path) -> None:
        try:
            draft.rename(path)
        except OSError:
            if not (path / MANIFEST).exists():
                raise
            return  # another process was first, with the same weights
        sync_paths(self._folder)

    def _make_room(self, needed: int) -> bool:
        """Remove entries, the least recently used first, until ``needed`` bytes may be written."""
        if self._max_bytes and needed > self._max_bytes:
            return False
        entries = self._entries()
        for path in [*entries, None]:
            used = sum(entries.values())
            fits = not self._max_bytes or used + needed <= self._max_bytes
            if fits and shutil.disk_usage(self._folder).free >= needed + _SPARE_BYTES:
                return True
            if path is not None and path.name not in self._in_use and self._remove(path):
                entries = {**entries, path: 0}
        return False

    def _entries(self) -> dict[Path, int]:
        """Bytes of every entry, the least recently used first."""
        found = []
        for path in self._folder.glob(f"[!.]*/{MANIFEST}"):
            try:
                weights = path.with_name(WEIGHTS).stat()
                found.append((path.stat().st_mtime_ns, path.parent, weights.st_size))
            except OSError:
                continue
        return {path: size for _, path, size in sorted(found)}

    def _remove(self, path: Path) -> bool:
        """Take an entry away at one stroke; not where somebody has it open."""
        try:
            with (path / MANIFEST).open("rb") as manifest:
                fcntl.flock(manifest, fcntl.LOCK_EX | fcntl.LOCK_NB)
                gone = Path(tempfile.mkdtemp(prefix=_GONE, dir=self._folder))
                path.rename(gone)
        except OSError:
            return False
        shutil.rmtree(gone, ignore_errors=True)
        return True

    def _sweep(self) -> None:
        """Remove what a killed process left."""
        for path in self._folder.glob(f"{_GONE}*"):
            shutil.rmtree(path, ignore_errors=True)
        for path in self._folder.glob(f"{_DRAFT}*"):
            if _is_abandoned(path):
                shutil.rmtree(path, ignore_errors=True)


def _open_to_all(*paths: Path) -> None:
    """Weights are as public as what they were made of, and another container may have its own user.

    Whose they are not, cannot do it, and need not.
    """
    for path in paths:
        with contextlib.suppress(PermissionError):
            path.chmod(0o755 if path.is_dir() else 0o644)


def _is_abandoned(draft: Path) -> bool:
    try:
        with (draft / WEIGHTS).open("rb") as weights:
            fcntl.flock(weights, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return draft.exists() and time.time() - draft.stat().st_mtime > _ABANDONED_SECONDS
    except OSError:
        return False
    return True
