"""How long a job takes here, learnt from the jobs before it. Pure: no clock, no store.

A job has a fixed part (the prompt's encoder), a part that grows with the model's operations
(denoising) and one that grows with the size of what is made (decoding, encoding). The pace of each
is the median over the last runs of the same checkpoint, in which later runs and runs of a like size
count for more: it follows a machine that becomes slower, and no single odd run moves it.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from common.contract import Phase, Work
from common.contract.messages import Progress

DECAY = 0.8
"""What a run counts against the one after it: the last three count for half of all."""
BELIEF = 3
"""So many steps of a running job count for as much as all the past."""
LATEST = 0.95
"""A step that takes too long is shown as nearly done, never as done."""


@dataclass(frozen=True)
class Run:
    """A completed job: seconds by phase."""

    work: Work
    seconds: Mapping[str, float]

    @property
    def pace(self) -> float:
        """Seconds for each operation.

        The first step is over when denoising is first heard of, so its time is booked on the
        prompt's phase; of a single step all is.
        """
        steps = self.work.steps
        if steps == 1:
            return self._spent(Phase.ENCODING_PROMPT) / self.work.cost
        return self._spent(Phase.DENOISING) / self.work.cost * steps / (steps - 1)

    @property
    def overhead(self) -> float:
        """Seconds before the first step."""
        first = self.pace * self.work.cost / self.work.steps
        return max(0.0, self._spent(Phase.ENCODING_PROMPT) - first)

    @property
    def working(self) -> float:
        """Seconds without loading."""
        return sum(self.seconds.values()) - self._spent(Phase.LOADING)

    def per_unit(self, phase: Phase) -> float:
        """Seconds for each unit of what was made."""
        return self._spent(phase) / self.work.size

    def _spent(self, phase: Phase) -> float:
        return self.seconds.get(phase.value, 0.0)


@dataclass(frozen=True)
class Estimate:
    """Expected seconds by phase, as they are booked. ``loading`` counts where it is needed."""

    loading: float
    phases: Mapping[Phase, float]

    @property
    def working(self) -> float:
        """Seconds with the model in memory."""
        return sum(self.phases.values())

    def left(self, progress: Progress, since: float, *, loaded: bool) -> float:
        """Seconds until the end of a job that said ``progress`` ``since`` seconds ago."""
        ahead = {Phase.LOADING: 0.0 if loaded else self.loading, **self.phases}
        if progress.phase is None:
            return sum(ahead.values())
        ahead[Phase.LOADING] = self.loading
        order = list(Phase)
        later = order[order.index(progress.phase) + 1 :]
        here = _left_of_phase(ahead[progress.phase], progress, since)
        return here + sum(ahead[phase] for phase in later)


def estimate(work: Work, runs: Sequence[Run]) -> Estimate | None:
    """What ``work`` takes after ``runs``, the oldest first; None where there are none.

    Only runs of its way count. Before the first of those it is the plain way's: the most it takes.
    """
    runs = _of_way(work.way, runs) or _of_way("", runs)
    if not runs:
        return None
    weights = [_weight(work, run, age) for age, run in enumerate(reversed(runs))][::-1]
    denoising = work.cost * weighted_median(zip((run.pace for run in runs), weights, strict=True))
    overhead = weighted_median(zip((run.overhead for run in runs), weights, strict=True))
    making = {
        phase: work.size
        * weighted_median(zip((run.per_unit(phase) for run in runs), weights, strict=True))
        for phase in (Phase.DECODING, Phase.ENCODING_VIDEO)
    }
    first = denoising / work.steps
    phases = {Phase.ENCODING_PROMPT: overhead + first, Phase.DENOISING: denoising - first, **making}
    return Estimate(_loading(runs, weights), phases)


def _of_way(way: str, runs: Sequence[Run]) -> list[Run]:
    return [run for run in runs if run.work.way == way]


def _loading(runs: Sequence[Run], weights: Sequence[float]) -> float:
    """Seconds of a load; 0 where none of the runs began with one."""
    loads = [
        (run.seconds[Phase.LOADING.value], weight)
        for run, weight in zip(runs, weights, strict=True)
        if Phase.LOADING.value in run.seconds
    ]
    return weighted_median(loads) if loads else 0.0


def _weight(work: Work, run: Run, age: int) -> float:
    """Late runs count for more, and so do those of nearly the same cost: no formula is exact."""
    distance = abs(math.log(work.cost / run.work.cost))
    return float(DECAY**age) / (1 + distance)


def weighted_median(values: Iterable[tuple[float, float]]) -> float:
    """The value in whose middle half of all weight is reached; pairs of (value, weight)."""
    ordered = sorted(values)
    half = sum(weight for _, weight in ordered) / 2
    for value, weight in ordered:
        half -= weight
        if half <= 0:
            return value
    return ordered[-1][0]


def _left_of_phase(expected: float, progress: Progress, since: float) -> float:
    """The past's word and the job's own pace, by how many steps it has shown."""
    step, steps = progress.step, progress.steps
    first = 1 if progress.phase is Phase.DENOISING and steps > 1 else 0
    left = expected * (steps - step) / (steps - first) if steps else expected
    if progress.seconds_left is not None:
        trust = step / (step + BELIEF)
        left = trust * progress.seconds_left + (1 - trust) * left
    one_step = left / max(1, steps - step)
    return left - min(since, one_step * LATEST)


def relative_error(estimated: float, run: Run) -> float | None:
    """How far an estimate was off, as a share of what was true; None where nothing was taken."""
    return abs(run.working - estimated) / run.working if run.working > 0 else None
