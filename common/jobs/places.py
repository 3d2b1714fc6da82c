"""Places in the queue between two others: fractions, and what is done where none is left.

A job stands at its rank (``common.jobs.schema.RANK``), a whole number, until an admin moves it.
Then it has a place: in the middle between its neighbours'. Each move into the same gap halves it,
and after some thirty a float has no middle any more: then a few of the jobs behind are spread out.
"""

from collections.abc import Sequence

STEP = 2.0**-10
"""Between a job and the end of the queue that it is moved to: a thousand of them fit before the
next job that comes. Closer than this no jobs are put when they are spread out."""


def between(low: float | None, high: float | None) -> float | None:
    """A place behind ``low`` and before ``high`` (None: nothing is there); None: there is no room.

    Raises:
        ValueError: both are None, where any place is as good.
    """
    if low is None and high is None:
        raise ValueError("a queue of one has no places in between")
    if low is None or high is None:
        return high - STEP if high is not None else (low or 0.0) + STEP
    middle = (low + high) / 2
    return middle if low < middle < high else None


def spread(low: float, behind: Sequence[float], high: float | None) -> list[float] | None:
    """Places for one more job after ``low``, and for those ``behind`` it, evenly apart.

    Args:
        low: the place before them.
        behind: where they stand now, in order.
        high: the place after them; None where they are the last.

    Returns:
        ``len(behind) + 1`` places, or None where they would be closer than ``STEP``: take more.
    """
    count = len(behind) + 1
    end = high if high is not None else [low, *behind][-1] + STEP
    step = (end - low) / (count + 1)
    if step < STEP and high is not None:
        return None
    return [low + max(step, STEP) * index for index in range(1, count + 1)]
