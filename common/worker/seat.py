"""A job's way through the shared pool: its memory, its turn on the GPU, and what was learnt."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from traceback import clear_frames
from typing import Protocol

from common.base.heap import give_back_freed
from common.base.settings import Settings
from common.contract import ModelSpec, Resolved
from common.contract.hub import choose_variant, locate
from common.contract.variants import NO_MODEL, Checkpoint
from common.jobs.model import Job
from common.memory.arbiter import Arbiter
from common.memory.asks import Ask, OnWait
from common.memory.bound import allocator_settings, bound_cuda, cuda_bytes, release_cached
from common.memory.demand import Appraiser, Demand
from common.memory.opening import open_pool
from common.memory.probe import MemoryKind, PeakMeter, process_bytes


class EndTurn(Protocol):
    """Ends a turn on the GPU."""

    def __call__(self, batch: int = 1) -> None:
        """``batch``: how many jobs were made in it."""


def give_back_all() -> None:
    """What this process has freed, of the GPU's memory and of its own."""
    release_cached()
    give_back_freed()


@dataclass
class Seat:
    """One worker's place in the pool. Used by the thread that runs the jobs."""

    arbiter: Arbiter
    appraiser: Appraiser
    meter: PeakMeter
    locate: Callable[[], Checkpoint]
    used_bytes: Callable[[], int]
    kind: MemoryKind
    clock: Callable[[], float] = time.monotonic
    give_back: Callable[[], None] = give_back_all
    """Before what is held is told. On a CPU a worker of 0.6 GB grew by an eighth in a hundred jobs,
    in holes of 27 MB that tensors had left in its heap, and the pool counted them as held."""

    @contextmanager
    def memory(self, job: Job, *, loaded: bool, on_wait: OnWait) -> Iterator[Demand]:
        """Hold the memory of a job: all that it needs is granted before anything is taken.

        Raises:
            CheckpointError: the checkpoint is not there, or damaged.
            NotEnoughMemory: no pool of this size could hold it.
            JobReleased: this worker has been asked to make room.
        """
        checkpoint = self.locate() if job.resolved.needs_model else NO_MODEL
        demand = self.appraiser.demand(checkpoint, job.resolved)
        ask = Ask(
            accepted_at=job.created_at,
            number=job.number,
            job_id=job.id,
            more_bytes=demand.run_bytes if loaded else demand.total_bytes,
            run_bytes=demand.run_bytes,
            seconds=demand.seconds,
            less=self.appraiser.spec.kind.less,
        )
        with self._asked(ask, on_wait):
            yield demand

    @contextmanager
    def warmth(self, request: Resolved, on_wait: OnWait) -> Iterator[None]:
        """Hold the memory that loading takes, without a job. Raises like ``memory``."""
        demand = self.appraiser.demand(self.locate(), request)
        with self._asked(Ask(time.time(), 0, None, demand.loading_bytes), on_wait):
            yield

    @contextmanager
    def turn(self, job: Job, on_wait: OnWait) -> Iterator[EndTurn]:
        """Hold the GPU; what it gives ends the turn, after the last decoded frame.

        A job that goes all the way leaves what it took as experience; ``batch`` of them, what
        they took together.
        """
        self.arbiter.take_turn(on_wait)
        checkpoint, before, started = self.locate(), self.used_bytes(), self.clock()
        self.meter.reset()

        def end(batch: int = 1) -> None:
            self.arbiter.end_turn()
            spent = self.clock() - started
            peak = max(0, self.meter.peak_bytes() - before)
            self._learn(checkpoint, job.resolved, peak, spent, batch)

        yield end

    def company(self, job: Job, most: int) -> tuple[int, float | None]:
        """How many like this job, it included, have room now, and before whom they must have come.

        The second is ``Slack.accepted_before``.
        """
        slack = self.arbiter.slack()
        fitting = (n for n in range(most, 1, -1) if self._more(job, n)[0] <= slack.free_bytes)
        return next(fitting, 1), slack.accepted_before

    def widen(self, job: Job, batch: int) -> bool:
        """Hold the memory of so many such jobs from now on; False where that has gone."""
        return self.arbiter.widen(*self._more(job, batch))

    def outgrew(self, job: Job, batch: int, *, loaded: bool) -> None:
        """It did not fit all the same; the next of its kind asks for more.

        ``loaded``: the model was in memory, so that what did not fit was the job.
        """
        held = self.used_bytes()
        self.appraiser.outgrew(self.locate(), job.resolved, held, loaded=loaded, batch=batch)

    def _more(self, job: Job, batch: int) -> tuple[int, float | None]:
        """Bytes on top of the single job's, and the seconds of all."""
        checkpoint, demand = self.locate(), self.appraiser.demand
        together = demand(checkpoint, job.resolved, batch)
        more = together.run_bytes - demand(checkpoint, job.resolved).run_bytes
        return max(0, more), together.seconds

    @property
    def cuda_bytes(self) -> int | None:
        """What a load may hold through CUDA; None where the GPU itself sees to it."""
        unified = self.kind is MemoryKind.UNIFIED
        return cuda_bytes(self.arbiter.most_bytes) if unified else None

    @contextmanager
    def loading(self) -> Iterator[None]:
        """Around a load: what it leaves is measured."""
        before = self.used_bytes()
        yield
        self.give_back()
        self.arbiter.loaded()
        weights = self.appraiser.weights(self.locate())
        self.appraiser.experience.loaded(weights, max(0, self.used_bytes() - before))

    @contextmanager
    def _asked(self, ask: Ask, on_wait: OnWait) -> Iterator[None]:
        release_cached()  # what the last job's own frames still held at its end
        self.arbiter.ask(ask, on_wait)
        try:
            yield
        except BaseException as exc:
            _let_go(exc)
            raise
        finally:
            self.give_back()
            self.arbiter.finish()

    def _learn(
        self, checkpoint: Checkpoint, request: Resolved, peak: int, spent: float, batch: int
    ) -> None:
        appraiser = self.appraiser
        estimated = appraiser.estimate(checkpoint, request, batch).run_bytes
        cost = appraiser.spec.cost(request)
        way = appraiser.spec.kind.work(request, cost).way
        weights = appraiser.weights(checkpoint)
        shape = appraiser.spec.kind.shape(request)
        pace = spent / (cost * batch)
        appraiser.experience.ran(weights, shape, estimated, peak, pace, batch, way)


def _let_go(error: BaseException) -> None:
    """Of what the frames of an error hold: the tensors of a failed job, or of half a load."""
    behind: BaseException | None = error
    while behind is not None:
        clear_frames(behind.__traceback__)
        behind = behind.__cause__ or behind.__context__


def open_seat(settings: Settings, spec: ModelSpec) -> Seat:
    """Take this worker's place in the pool of its machine."""
    pool = open_pool(settings)
    kind = pool.probe.read().kind
    os.environ.update(allocator_settings(kind, os.environ))
    used_bytes = partial(process_bytes, kind)
    variant = choose_variant(spec, settings.checkpoint)
    return Seat(
        arbiter=Arbiter(
            pool.ledger,
            pool.probe,
            pool.rules,
            spec.id,
            used_bytes=used_bytes,
            pinned=settings.pinned,
            bound=partial(bound_cuda, kind),
        ),
        appraiser=Appraiser.of(spec, settings, pool.capacity_bytes, kind),
        meter=PeakMeter(kind),
        locate=partial(locate, settings.models_dir, variant),
        used_bytes=used_bytes,
        kind=kind,
    )
