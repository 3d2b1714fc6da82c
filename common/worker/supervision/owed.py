"""A verdict that could not be carried out before the service ended, kept for its next start.

Else a job that was left in order, while the database was silent, would count an attempt.
"""

import contextlib
import json
from pathlib import Path

from common.worker.supervision.watch import Verdict

OWED = "owed.json"


def keep_owed(path: Path, verdict: Verdict | None) -> None:
    """Write it down, where there is one. A disk that takes nothing costs that job an attempt."""
    if verdict is not None:
        with contextlib.suppress(OSError):
            path.write_text(json.dumps(vars(verdict)))


def take_owed(path: Path) -> Verdict | None:
    """What the last run left, once."""
    with contextlib.suppress(OSError, ValueError, TypeError):
        verdict = Verdict(**json.loads(path.read_text()))
        path.unlink()
        return verdict
    return None
