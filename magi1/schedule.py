"""When MAGI-1 denoises which chunk: steps, timesteps, KV ranges, and how long keys are needed.

Chunks enter a window one after another and leave it clean. ``num_inference_steps`` are spread
evenly over the ``window_size`` stages that a chunk spends in the window; each stage a chunk is
begun. A chunk that has left is run once more, to store its clean keys ("refresh").

Source: arXiv 2505.13211, section 2; ``SampleTransport``, ``init_t`` and ``generate_sequences`` in
SandAI-org/MAGI-1, inference/pipeline/video_generate.py.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from common.base.errors import InvalidRequest
from magi1.attention import ChunkLayout
from magi1.configuration import SamplingConfig

_SHIFT = 3.0
_WIDEST_RANGE = 8
"""Chunks that a clean prefix sees where no range is configured at all."""


@dataclass(frozen=True)
class Step:
    """One step of sampling: chunks ``first`` to ``stop`` (exclusive) become a little cleaner.

    ``done`` counts the steps that each of them has behind it. With ``refresh`` the clean chunk
    before ``first`` is run along, to store its keys.
    """

    index: int
    first: int
    stop: int
    done: tuple[int, ...]
    refresh: bool

    @property
    def chunks(self) -> range:
        """The chunks being denoised, the cleanest first."""
        return range(self.first, self.stop)


class ChunkSchedule:
    """The steps of a video of ``num_chunks``, of which ``num_prefix`` are given clean.

    Raises:
        InvalidRequest: the steps cannot be spread over the window or over the KV ranges.
    """

    def __init__(self, config: SamplingConfig, num_chunks: int, num_prefix: int = 0) -> None:
        check_steps(config)
        self.config = config
        self.num_chunks = num_chunks
        self.num_prefix = num_prefix
        self.timesteps = timesteps(config.num_inference_steps, config.shortcut_mode)
        self.steps_per_stage = config.num_inference_steps // config.window_size
        self._reads = self._farthest_reads()

    def __len__(self) -> int:
        """Steps in all."""
        stages = self.num_chunks - self.num_prefix + self.config.window_size - 1
        return stages * self.steps_per_stage

    def __iter__(self) -> Iterator[Step]:
        """The steps in order."""
        return (self._step(index) for index in range(len(self)))

    def _step(self, index: int) -> Step:
        stage, substep = divmod(index, self.steps_per_stage)
        newest = self.num_prefix + stage
        first = max(self.num_prefix, newest - self.config.window_size + 1)
        stop = min(self.num_chunks, newest + 1)
        done = tuple(
            (newest - chunk) * self.steps_per_stage + substep for chunk in range(first, stop)
        )
        return Step(index, first, stop, done, refresh=substep == 0 and first > self.num_prefix)

    def times(self, step: Step) -> torch.Tensor:
        """Timesteps of the chunks in a step, the refreshed one included: float32 [chunks]."""
        times = self.timesteps[list(step.done)]
        if step.refresh:
            times = torch.cat([torch.full((1,), self.config.clean_t), times])
        return times

    def time_deltas(self, step: Step) -> torch.Tensor:
        """How far a step carries each denoised chunk: float32 [chunks]."""
        done = torch.tensor(step.done)
        return self.timesteps[done + 1] - self.timesteps[done]

    def layout(self, step: Step) -> ChunkLayout:
        """What the chunks of a step attend to."""
        reach = [self._reach(done) for done in step.done]
        if step.refresh:
            reach.insert(0, self._reach(self.config.num_inference_steps))
        first = step.first - step.refresh
        return ChunkLayout(first, _kv_ranges(first, reach), store=range(first, step.first))

    def prefix_layout(self) -> ChunkLayout:
        """What the clean chunks of a prefix attend to; those that will be seen are stored."""
        ranges = self.config.noise_to_clean_kv_range
        reach = self.config.clean_kv_range
        if reach == -1:
            reach = ranges[-1] if ranges else _WIDEST_RANGE
        seen = range(self.first_needed(0), self.num_prefix)
        return ChunkLayout(0, _kv_ranges(0, [reach] * self.num_prefix), store=seen)

    def _reach(self, done: int) -> int:
        """How many chunks one sees after ``done`` steps, itself included."""
        steps, ranges = self.config.num_inference_steps, self.config.noise_to_clean_kv_range
        if not ranges:
            return self.num_chunks
        if done == steps:
            return ranges[-1] if self.config.clean_kv_range == -1 else self.config.clean_kv_range
        return ranges[done // (steps // len(ranges))]

    def first_needed(self, index: int) -> int:
        """The oldest chunk whose keys step ``index`` or a later one reads out of the cache.

        ``num_chunks`` or above where there is none. The n-th chunk after chunk c does its own
        step s at step ``(c + n - num_prefix) * steps_per_stage + s`` of the video, and sees c as
        long as n is below its reach; a chunk of the prefix does no steps.
        """
        oldest = [
            self.num_prefix - n + max(0, -((done - index) // self.steps_per_stage))
            for n, done in self._reads
        ]
        return max(0, min(oldest, default=self.num_chunks))

    def _farthest_reads(self) -> list[tuple[int, int]]:
        """How many chunks back one sees at each of its steps, where it sees any."""
        reads = ((self._reach(done) - 1, done) for done in range(len(self.timesteps)))
        return [(n, done) for n, done in reads if n > 0]

    def step_size(self, substep: int) -> float | None:
        """What a distilled model is told about its steps; None for the others.

        It is half the number of equal steps: 8 for 16 steps, 4 for 8. The 12-step schedule has one
        step as long as those of 8 and two as long as those of 16 in every quarter, in the order
        that ``shortcut_mode`` says (``get_embedding_and_meta`` and ``init_intervel``).
        """
        steps = self.config.num_inference_steps
        if not self.config.distilled:
            return None
        if steps != 12:
            return steps / 4 * 2
        intervals = (1, 1, 2) if self.config.shortcut_mode == "16,16,8" else (2, 1, 1)
        return 4 / intervals[substep % 3] * 2


def check_steps(config: SamplingConfig) -> None:
    """Refuse a number of steps that the official sampler would cut short or stumble over.

    Raises:
        InvalidRequest: naming the nearest numbers that work.
    """
    steps = config.num_inference_steps
    for divisor, name in (
        (config.window_size, f"the window of {config.window_size} chunks"),
        (len(config.noise_to_clean_kv_range) or 1, "the KV ranges"),
    ):
        if steps < 1 or steps % divisor:
            below = max(divisor, steps // divisor * divisor)
            raise InvalidRequest(
                f"{steps} steps cannot be spread over {name}: take a multiple of {divisor}.",
                param="num_inference_steps",
                hint=f"{below} or {below + divisor} would do.",
            )


def timesteps(num_inference_steps: int, shortcut_mode: str = "8,16,16") -> torch.Tensor:
    """Times from 0 (noise) to 1 (clean), float32 [num_inference_steps + 1].

    Evenly spaced, squared, then shifted by 3 as in Stable Diffusion 3 with its time reversed.
    12 steps are those of a 16-step schedule with two steps of every quarter joined: the first
    two, or the last two where ``shortcut_mode`` is "16,16,8".
    """
    t = torch.linspace(0, 1, num_inference_steps + 1)
    if num_inference_steps == 12:
        quarters = torch.linspace(0, 1, 4 + 1)
        picked = [0, 1, 2] if shortcut_mode == "16,16,8" else [0, 2, 3]
        t = torch.cat([quarters[picked] / 4 + start for start in quarters])[:13]
    t = t**2
    inverse = 1.0 / _SHIFT
    return inverse * t / (1 + (inverse - 1) * t)


def _kv_ranges(first: int, reach: list[int]) -> tuple[tuple[int, int], ...]:
    """Chunk ranges (start, stop): each chunk from ``first`` on, and what it reaches before it."""
    stops = range(first + 1, first + len(reach) + 1)
    return tuple((max(0, stop - seen), stop) for stop, seen in zip(stops, reach, strict=True))
