"""Small pictures of what is being made: one file a job, gone when it ends."""

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from common.media.jpeg import as_jpeg

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LONG_SIDE = 256
"""Pixels; smaller pictures, as latents are, are enlarged to it."""
_JPEG_QUALITY = 70
_ID = re.compile(r"[0-9a-f]{32}")


class PreviewFiles:
    """A folder of ``<job id>.jpg``. Nothing in it is worth keeping over a restart.

    A job id is 32 lowercase hexadecimal digits; anything else is a ValueError.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def write(self, job_id: str, frame: "NDArray[np.uint8]") -> None:
        """Put RGB ``frame`` [height, width, 3] in place of the one before, whole or not at all.

        Raises:
            EncodingFailed: the frame cannot be made into a JPEG.
            OSError: the disk is full, for one.
        """
        path = self._path(job_id)
        jpeg = as_jpeg(frame, LONG_SIDE / max(frame.shape[:2]), _JPEG_QUALITY)
        self._root.mkdir(exist_ok=True)
        draft = path.with_suffix(f".{os.getpid()}")
        draft.write_bytes(jpeg)
        draft.replace(path)

    def read(self, job_id: str) -> bytes | None:
        """The newest picture of a job as a JPEG, where there is one."""
        try:
            return self._path(job_id).read_bytes()
        except FileNotFoundError:
            return None

    def remove(self, job_id: str) -> None:
        """Forget a job's picture, and a half-written one."""
        with contextlib.suppress(OSError):  # it is swept at the next start
            self._path(job_id).unlink(missing_ok=True)
            for draft in self._root.glob(f"{job_id}.*"):
                draft.unlink(missing_ok=True)

    @contextlib.contextmanager
    def during(self, job_id: str) -> Iterator[None]:
        """While a job is made: no picture of an earlier attempt, and none left at the end."""
        self.remove(job_id)
        try:
            yield
        finally:
            self.remove(job_id)

    def job_ids(self) -> set[str]:
        """The jobs that have a picture, or half of one."""
        found = self._root.iterdir() if self._root.is_dir() else ()
        return {path.name.partition(".")[0] for path in found}

    def _path(self, job_id: str) -> Path:
        if not _ID.fullmatch(job_id):
            raise ValueError("a job id is 32 hexadecimal digits")
        return self._root / f"{job_id}.jpg"
