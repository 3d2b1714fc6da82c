"""A machine that is made up: true durations with noise and drift, and a worker that plays them."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

from common.contract import Phase
from common.jobs.model import Progress
from common.kinds.video.resolved import ResolvedRequest

PIXEL_SECONDS = 2e-6
STEP_SECONDS = 4e-6
"""For each pixel and step."""
OVERHEAD, LOADING = 3.0, 40.0
SIZES = ((64, 48), (128, 96), (192, 112), (256, 144))


def random_request(rng: random.Random) -> ResolvedRequest:
    """Mixed sizes, lengths and steps."""
    width, height = rng.choice(SIZES)
    return ResolvedRequest(
        prompt="a bar",
        negative_prompt="",
        width=width,
        height=height,
        num_frames=rng.choice((17, 33, 65)),
        fps=8,
        seed=1,
        num_inference_steps=rng.choice((4, 8, 20, 40)),
        guidance_scale=1,
    )


@dataclass
class Machine:
    """Every run is off by a lognormal factor; ``slowness`` is the drift."""

    rng: random.Random
    sigma: float = 0.1
    slowness: float = 1.0

    def run(self, request: ResolvedRequest, *, loading: bool) -> dict[str, float]:
        """True seconds by phase, as a worker books them: the first step on the prompt."""
        pixels = request.width * request.height * request.num_frames
        steps = request.num_inference_steps
        denoising = pixels * steps * STEP_SECONDS * self._factor()
        phases = {
            Phase.ENCODING_PROMPT: OVERHEAD * self._factor() + denoising / steps,
            Phase.DENOISING: denoising * (1 - 1 / steps),
            Phase.DECODING: pixels * PIXEL_SECONDS * self._factor(),
            Phase.ENCODING_VIDEO: pixels * PIXEL_SECONDS / 10 * self._factor(),
        }
        if loading:
            phases = {Phase.LOADING: LOADING * self._factor(), **phases}
        return {phase.value: seconds for phase, seconds in phases.items()}

    def _factor(self) -> float:
        return self.slowness * self.rng.lognormvariate(0, self.sigma)


@dataclass
class Play:
    """A job's words as its worker says them, each with the seconds until the next."""

    timings: dict[str, float]
    steps: int
    elapsed: float = field(default=0.0)

    def words(self) -> Iterator[tuple[Progress, float]]:
        for name, seconds in self.timings.items():
            phase = Phase(name)
            if phase is Phase.DENOISING:
                yield from self._denoising(seconds)
            else:
                yield self._said(phase), seconds

    def _denoising(self, seconds: float) -> Iterator[tuple[Progress, float]]:
        pause = seconds / (self.steps - 1)
        for step in range(1, self.steps):
            left = pause * (self.steps - step) if step > 1 else None
            yield self._said(Phase.DENOISING, step, left), pause

    def _said(self, phase: Phase, step: int = 0, left: float | None = None) -> Progress:
        return Progress(
            phase=phase,
            step=step,
            steps=self.steps if step else 0,
            seconds_elapsed=self.elapsed,
            seconds_left=left,
        )
