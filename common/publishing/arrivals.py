"""Uploads on their way: on disk already, while the job that needs them has no row yet."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from common.base.errors import StoreUnavailable


class Arrivals:
    """Tells such an upload from one that belongs to nobody. One for each inputs folder.

    Only the API process writes uploads, so that nothing on disk has to say it.
    """

    def __init__(self) -> None:
        self._names: set[str] = set()

    def __contains__(self, name: str) -> bool:
        return name in self._names

    @contextmanager
    def of(self, paths: Sequence[Path]) -> Iterator[None]:
        """Write these files and accept their jobs in here; what fails leaves no file.

        But for a database that did not answer: the job may be there all the same, and needs them.
        """
        names = {path.name for path in paths}
        self._names |= names
        try:
            yield
        except StoreUnavailable:
            raise
        except BaseException:
            remove_all(paths)
            raise
        finally:
            self._names -= names


def remove_all(paths: Sequence[Path]) -> None:
    """Remove files as far as that can be done."""
    for path in paths:
        with suppress(OSError):
            path.unlink()
