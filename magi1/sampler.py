"""Makes a video chunk by chunk, and hands out each chunk as soon as it is clean.

Memory does not grow with the video's length: noise is drawn when a chunk enters the window,
latents are dropped when they are clean and handed out, keys when no later chunk looks at them.

Source: ``SampleTransport`` in SandAI-org/MAGI-1, inference/pipeline/video_generate.py.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from magi1.configuration import SamplingConfig
from magi1.guidance import GUIDANCE, Call
from magi1.kv_cache import KVCache
from magi1.schedule import ChunkSchedule, Step
from magi1.special_tokens import DEFAULT, Prompt, SpecialTokens
from magi1.transformer import MagiTransformer3DModel

Noise = Callable[[int], torch.Tensor]
"""Gives the noise of a chunk by its number: [1, C, chunk_width, H, W], float32."""

OnCall = Callable[[int, int, Call, torch.Tensor], None]
"""Hears of each guided prediction: how many are done, how many there are, the call, its velocity.

It may raise, to leave a job that was cancelled.
"""


@dataclass(frozen=True)
class Captions:
    """What each chunk is told: ``prompts`` for the chunks that are made, the last one for good."""

    prompts: Sequence[Prompt]
    tokens: SpecialTokens
    names: Sequence[str] = DEFAULT
    negative: bool = False


@dataclass
class _State:
    """What there is of a video between two steps."""

    latents: dict[int, torch.Tensor] = field(default_factory=dict)
    cache: KVCache = field(default_factory=KVCache)


def count_chunks(config: SamplingConfig, latent_frames: int, prefix_frames: int = 0) -> int:
    """Chunks that hold a prefix and ``latent_frames`` more frames (of latents)."""
    return math.ceil((latent_frames + prefix_frames) / config.chunk_width)


def seeded_noise(seed: int, shape: Sequence[int]) -> Noise:
    """Noise [1, C, chunk_width, H, W] of its own for each (seed, chunk), drawn on the CPU."""

    def draw(chunk: int) -> torch.Tensor:
        mixed = np.random.SeedSequence([seed, chunk]).generate_state(1, np.uint64)
        generator = torch.Generator("cpu").manual_seed(int(mixed[0]))
        return torch.randn(tuple(shape), generator=generator)

    return draw


def given_noise(noise: torch.Tensor, chunk_width: int) -> Noise:
    """Noise of a whole video, [1, C, T, H, W]."""
    return lambda chunk: noise[:, :, chunk * chunk_width : (chunk + 1) * chunk_width]


class MagiSampler:
    """One video: ``num_chunks`` chunks, of which the first may be given as ``prefix``.

    Args:
        model: the transformer.
        config: how it is sampled.
        num_chunks: length of the video, the prefix included (``count_chunks``).
        noise: where each chunk starts from.
        captions: what each chunk is told.
        prefix: clean latents [1, C, t, H, W] of any length that the video begins with; one frame
            is a picture.

    Raises:
        InvalidRequest: the steps do not fit the window or the KV ranges.
    """

    def __init__(
        self,
        model: MagiTransformer3DModel,
        config: SamplingConfig,
        *,
        num_chunks: int,
        noise: Noise,
        captions: Captions,
        prefix: torch.Tensor | None = None,
    ) -> None:
        self.model = model
        self.config = config
        self.noise = noise
        self.captions = captions
        self.prefix = prefix
        self.prefix_frames = 0 if prefix is None else prefix.shape[2]
        num_prefix = self.prefix_frames // config.chunk_width
        self.schedule = ChunkSchedule(config, num_chunks, num_prefix)
        self.guidance = GUIDANCE[config.guidance_passes]
        self.null = captions.tokens.null(model.null_caption.detach(), negative=captions.negative)

    @torch.no_grad()
    def chunks(self, on_call: OnCall | None = None) -> Iterator[torch.Tensor]:
        """Yield the clean latents of each new chunk, [1, C, t, H, W], in order.

        t is ``chunk_width``, less where a prefix ends inside the first chunk: the frames of a
        video prefix are left out, the single frame of a picture is not.
        """
        state = _State()
        calls = len(self.schedule) + (self.schedule.num_prefix > 0)
        if self.schedule.num_prefix:
            call = self._prefix_call()
            velocity = self.guidance(self.model, self.config, call, state.cache)
            _tell(on_call, 1, calls, call, velocity)
        for step in self.schedule:
            state.cache.forget(self.schedule.first_needed(step.index))
            call = self._call(step, state)
            velocity = self.guidance(self.model, self.config, call, state.cache)
            self._integrate(step, state, call, velocity)
            _tell(on_call, calls - len(self.schedule) + step.index + 1, calls, call, velocity)
            if step.done[0] + 1 == self.config.num_inference_steps:
                yield self._without_prefix(step.first, state.latents[step.first])

    def whole_chunks(self, on_call: OnCall | None = None) -> Iterator[torch.Tensor]:
        """Yield every chunk whole, [1, C, chunk_width, H, W]: the prefix' own, then the new ones.

        What ``chunks`` leaves out of the chunk in which the prefix ends is put back.
        """
        made, width = self.chunks(on_call), self.config.chunk_width
        if self.prefix is not None and self.prefix_frames > 1:
            given = self.schedule.num_prefix * width
            yield from (self.prefix[:, :, at : at + width] for at in range(0, given, width))
            yield torch.cat([self.prefix[:, :, given:], next(made)], dim=2)
        yield from made

    def _prefix_call(self) -> Call:
        """The prefix' whole chunks, clean and without text, to store their keys."""
        assert self.prefix is not None  # noqa: S101
        count, width = self.schedule.num_prefix, self.config.chunk_width
        return Call(
            latents=self.prefix[:, :, : count * width],
            times=torch.full((count,), self.config.clean_t),
            texts=(self.null,) * count,
            null=self.null,
            layout=self.schedule.prefix_layout(),
            step_size=self.schedule.step_size(0),
            prefix=True,
        )

    def _call(self, step: Step, state: _State) -> Call:
        for chunk in step.chunks:
            if chunk not in state.latents:
                state.latents[chunk] = self.noise(chunk).to(self.model.device)
        first = step.first - step.refresh
        texts = [self._text(chunk) for chunk in step.chunks]
        if step.refresh:
            texts.insert(0, self.null)
        latents = [self._with_prefix(i, state.latents[i]) for i in range(first, step.stop)]
        return Call(
            latents=torch.cat(latents, dim=2),
            times=self.schedule.times(step),
            texts=tuple(texts),
            null=self.null,
            layout=self.schedule.layout(step),
            step_size=self.schedule.step_size(step.index % self.schedule.steps_per_stage),
            refresh=step.refresh,
        )

    def _integrate(self, step: Step, state: _State, call: Call, velocity: torch.Tensor) -> None:
        """Euler: every chunk moves along its velocity for as long as its own step takes."""
        latents = call.latents.chunk(call.num_chunks, dim=2)[int(step.refresh) :]
        velocities = velocity.chunk(len(step.chunks), dim=2)
        deltas = self.schedule.time_deltas(step).to(velocity)
        for i, chunk in enumerate(step.chunks):
            state.latents[chunk] = latents[i] + velocities[i] * deltas[i]
        state.latents.pop(step.first - 1, None)

    def _text(self, chunk: int) -> torch.Tensor:
        """Caption of a chunk, [L, C]."""
        captions, made = self.captions, chunk - self.schedule.num_prefix
        prompt = captions.prompts[min(made, len(captions.prompts) - 1)]
        if prompt.is_empty:
            return self.null
        return captions.tokens.prepend(
            captions.names,
            prompt,
            len(self.model.null_caption),
            chunks_left=self.schedule.num_chunks - chunk,
        )

    def _with_prefix(self, chunk: int, latents: torch.Tensor) -> torch.Tensor:
        """A chunk's latents with the end of the prefix over their beginning, where it has some."""
        start = chunk * self.config.chunk_width
        if self.prefix is None or self.prefix_frames <= start:
            return latents
        given = self.prefix[:, :, start : start + self.config.chunk_width]
        return torch.cat([given, latents[:, :, given.shape[2] :]], dim=2)

    def _without_prefix(self, chunk: int, latents: torch.Tensor) -> torch.Tensor:
        """The frames of a clean chunk that are handed out."""
        if self.prefix_frames == 1 and chunk == 0:
            return latents
        start = max(0, self.prefix_frames - chunk * self.config.chunk_width)
        return latents[:, :, start:]


def _tell(
    on_call: OnCall | None, done: int, calls: int, call: Call, velocity: torch.Tensor
) -> None:
    if on_call is not None:
        on_call(done, calls, call, velocity)
