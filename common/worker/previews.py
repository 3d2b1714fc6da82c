"""When a running job's preview is due, and that it never costs the job."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from common.base.logs import get_logger
from common.publishing.previews import PreviewFiles

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

log = get_logger("worker")

PREVIEW_SECONDS = 0.25
"""At least between two of them: who watches does not look more often."""


class Previews:
    """The pictures of one attempt: one every few steps, none at all after one has failed."""

    def __init__(
        self,
        job_id: str,
        every: int,
        files: PreviewFiles,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``every`` so many steps; 0 is never."""
        self._job_id = job_id
        self._every = every
        self._files = files
        self._clock = clock
        self._last = 0
        self._due_at = float("-inf")

    def offer(self, step: int, picture: "Callable[[], NDArray[np.uint8]]") -> bool:
        """Write a picture where one is due; answers whether it did."""
        now = self._clock()
        if not self._every or step - self._last < self._every or now < self._due_at:
            return False
        try:
            self._files.write(self._job_id, picture())
        except Exception as exc:  # whatever it is, the job does not need it
            inside = None if isinstance(exc, OSError) else exc  # a disk says all in its own words
            reason = {"job_id": self._job_id, "reason": str(exc)}
            log.warning("no previews", exc_info=inside, extra=reason)
            self._every = 0
            return False
        self._last, self._due_at = step, now + PREVIEW_SECONDS
        return True
