"""MAGI-1's transformer at its real size: all forward passes that one chunk of a long video takes.

The window is full and clean chunks lie behind it. The autoencoder's part is not in it.
"""

from typing import Any

import torch

from common.contract import Quantization
from magi1.configuration import OFFICIAL, SamplingConfig, TransformerConfig
from magi1.estimates import CHUNK_FRAMES, MAGI_4_5B, chunk_flops, chunk_tokens
from magi1.guidance import Call as GuidedCall
from magi1.guidance import one_pass
from magi1.kv_cache import KVCache
from magi1.precision import keep_transformer
from magi1.schedule import ChunkSchedule, Step
from magi1.transformer import MagiTransformer3DModel
from scripts.bench.gpu_subject import Call, Case, Subject, noise

STAGE = 5
"""Its window is full, and keys of a chunk that has left it are stored."""
NUM_CHUNKS = 12

_SMALL = TransformerConfig(
    num_layers=3,
    hidden_size=256,
    ffn_hidden_size=512,
    num_attention_heads=2,
    num_key_value_heads=1,
    caption_channels=64,
)


def magi1(*, small: bool) -> Subject:
    """The distilled 4.5B with its 16 steps: a chunk is a quarter of them, of the whole window."""
    official = OFFICIAL["4.5B_distill"]
    geometry = _SMALL if small else official.transformer

    def step(case: Case, device: torch.device) -> list[Call]:
        return _chunk_calls(geometry, official.sampling, case, device)

    def flops(case: Case) -> float | None:
        if small:
            return None
        calls = step(case, torch.device("meta"))
        tokens = chunk_tokens(case.request())
        ranges = [seen for call in calls for seen in call["layout"].kv_ranges]
        return sum(chunk_flops(tokens, MAGI_4_5B, stop - start) for start, stop in ranges)

    return Subject(
        model="magi1",
        title="MAGI-1, small" if small else "MAGI-1 4.5B",
        scheme=Quantization.NF4,
        cases=(Case(128, 128, CHUNK_FRAMES, 24) if small else Case(720, 720, CHUNK_FRAMES, 24),),
        build=lambda: MagiTransformer3DModel(**geometry.as_dict()),
        step=step,
        flops=flops,
        keep=lambda _: keep_transformer(geometry.num_layers),
        unit="s/chunk",
        tunable=False,  # its attention goes straight to torch's own
    )


class _Recorder:
    """Stands where guidance expects the transformer, and notes what it is asked."""

    def __init__(self) -> None:
        self.calls: list[Call] = []

    def __call__(
        self,
        latents: torch.Tensor,
        timesteps: torch.Tensor,
        captions: tuple[torch.Tensor, ...],
        **more: Any,
    ) -> torch.Tensor:
        inputs = {"latents": latents, "timesteps": timesteps, "captions": captions}
        self.calls.append(inputs | more)
        return torch.zeros_like(latents)


def _chunk_calls(
    geometry: TransformerConfig, sampling: SamplingConfig, case: Case, device: torch.device
) -> list[Call]:
    """What the sampler asks of the transformer between two finished chunks."""
    schedule = ChunkSchedule(sampling, NUM_CHUNKS)
    recorder: Any = _Recorder()
    size = (case.height // 8, case.width // 8)
    text = noise(device, geometry.caption_max_length, geometry.caption_channels)
    for step in schedule:
        if step.index // schedule.steps_per_stage == STAGE:
            one_pass(recorder, sampling, _guided(schedule, step, size, text), KVCache())
    cache = _filled(geometry, recorder.calls, chunk_tokens(case.request()), device)
    return [call | {"cache": cache} for call in recorder.calls]


def _guided(
    schedule: ChunkSchedule, step: Step, size: tuple[int, int], text: torch.Tensor
) -> GuidedCall:
    """A step as the sampler would begin it, of chunks that are noise."""
    layout = schedule.layout(step)
    frames = layout.num_chunks * schedule.config.chunk_width
    return GuidedCall(
        latents=noise(text.device, 1, 16, frames, *size).float(),
        times=schedule.times(step),
        texts=(text,) * layout.num_chunks,
        null=text,
        layout=layout,
        step_size=schedule.step_size(step.index % schedule.steps_per_stage),
        refresh=step.refresh,
    )


def _filled(
    geometry: TransformerConfig, calls: list[Call], tokens: int, device: torch.device
) -> KVCache:
    """Keys and values of every chunk that a call looks back at."""
    cache = KVCache()
    shape = (1, tokens, geometry.num_key_value_heads, geometry.attention_head_dim)
    seen = {i for call in calls for i in range(call["layout"].first_visible, call["layout"].first)}
    for chunk in sorted(seen):
        for layer in range(geometry.num_layers):
            cache.write(layer, chunk, noise(device, *shape), noise(device, *shape))
    return cache
