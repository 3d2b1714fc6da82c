"""The best that anybody could have done with a few jobs, who had known all of them before.

All orders are tried that keep each model's own, each moment at which memory comes back, and each
set of idle models that makes just enough room. Jobs get their memory in the order in which they
run, all of it at once, as the arbiter gives it; a load may overlap with the jobs before it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from math import inf

from scripts.bench.memory_parts import Delays, Job, Service


@dataclass(frozen=True)
class Best:
    """Seconds from the first job accepted to the last one ended, loads, those beyond the first."""

    seconds: float
    loads: int
    swaps: int = 0


@dataclass(frozen=True)
class _State:
    """What has been planned. ``held``: of each loaded model, until when its last job lasts."""

    done: tuple[int, ...]
    held: dict[int, float]
    running: tuple[tuple[float, int], ...] = ()
    """Ends and bytes of jobs."""
    granted_at: float = 0.0
    gpu_free_at: float = 0.0
    ends: float = 0.0
    loads: int = 0


@dataclass
class Search:
    """Depth first; leaves what cannot be better than what is known already."""

    services: Sequence[Service]
    jobs: Sequence[Job]
    capacity: int
    delays: Delays = field(default_factory=Delays)
    best: Best = Best(inf, 0)
    _seen: dict[tuple[tuple[int, ...], frozenset[int]], list[tuple[float, ...]]] = field(
        default_factory=dict
    )

    def __post_init__(self) -> None:
        self._queues = [
            [job for job in self.jobs if job.service == service.name] for service in self.services
        ]
        self._evicting = self.delays.notice + self.delays.exit + self.delays.memory_returns

    def run(self) -> Best:
        """Look at everything."""
        self._visit(_State(done=(0,) * len(self.services), held={}))
        return self.best

    def _visit(self, state: _State) -> None:
        left = [queue[done:] for queue, done in zip(self._queues, state.done, strict=True)]
        if not any(left):
            if (state.ends, state.loads) < (self.best.seconds, self.best.loads):
                models = sum(map(bool, self._queues))
                self.best = Best(state.ends, state.loads, state.loads - models)
            return
        least = state.gpu_free_at + sum(job.run_seconds for queue in left for job in queue)
        if max(state.ends, least) >= self.best.seconds or self._dominated(state):
            return
        for model, queue in enumerate(left):
            if queue:
                for following in self._ways(state, model, queue[0]):
                    self._visit(following)

    def _dominated(self, state: _State) -> bool:
        """Whether the same jobs were planned before, with everything free as early or earlier."""
        held = sorted(state.held)
        times = (
            state.granted_at,
            state.gpu_free_at,
            *(state.held[model] for model in held),
            float(state.loads),
        )
        seen = self._seen.setdefault((state.done, frozenset(held)), [])
        if any(all(a <= b for a, b in zip(old, times, strict=True)) for old in seen):
            return True
        seen.append(times)
        return False

    def _ways(self, state: _State, model: int, job: Job) -> Iterator[_State]:
        """Each moment and each set of victims with which this job could get its memory next."""
        service, loaded = self.services[model], model in state.held
        earliest = max(job.accepted_at, state.granted_at, state.held.get(model, 0.0))
        if state.done[model] == 0:
            earliest = max(earliest, job.accepted_at + self.delays.start)
        needed = job.run_bytes + (0 if loaded else service.load_bytes)
        ends = [end for end, _ in state.running if end > earliest]
        for at in sorted({earliest, *ends}):
            for victims in self._victims(state, model, needed, at):
                yield self._after(state, model, job, at, victims)

    def _victims(
        self, state: _State, model: int, needed: int, at: float
    ) -> Iterator[tuple[int, ...]]:
        """The sets of idle models that make enough room and hold none too many."""
        held = sum(self.services[other].load_bytes for other in state.held)
        free = self.capacity - held - sum(size for end, size in state.running if end > at)
        idle = [other for other, end in state.held.items() if other != model and end <= at]
        found: list[set[int]] = []
        for count in range(len(idle) + 1):
            for chosen in combinations(idle, count):
                room = free + sum(self.services[other].load_bytes for other in chosen)
                if room >= needed and not any(less <= set(chosen) for less in found):
                    found.append(set(chosen))
                    yield chosen

    def _after(
        self, state: _State, model: int, job: Job, at: float, victims: tuple[int, ...]
    ) -> _State:
        granted = at + (self._evicting if victims else 0.0)
        loading = 0.0 if model in state.held else self.services[model].load_seconds
        off_gpu = max(granted + loading, state.gpu_free_at) + job.run_seconds
        ends = off_gpu + job.tail_seconds
        held = {other: end for other, end in state.held.items() if other not in victims}
        return replace(
            state,
            done=tuple(done + (index == model) for index, done in enumerate(state.done)),
            held={**held, model: ends},
            running=(*state.running, (ends, job.run_bytes)),
            granted_at=granted,
            gpu_free_at=off_gpu,
            ends=max(state.ends, ends),
            loads=state.loads + (model not in state.held),
        )
