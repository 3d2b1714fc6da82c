"""From the model's predictions to the velocity that the sampler follows.

A base model is guided in three passes: by the text, and by the chunks before. A distilled one has
learned that and takes one pass, in which the cleanest chunk is also seen without its past.

Source: arXiv 2505.13211, section 2; ``forward_3cfg``, ``forward_dispatcher`` and ``get_cfg_scale``
in SandAI-org/MAGI-1, inference/model/dit/dit_model.py.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch

from magi1.attention import ChunkLayout
from magi1.configuration import SamplingConfig
from magi1.kv_cache import KVCache
from magi1.transformer import MagiTransformer3DModel

_PAST_WEIGHT = 0.7
"""How much a nearly clean chunk of a distilled model follows the prediction that sees its past."""


@dataclass(frozen=True)
class Call:
    """The input of one guided prediction, over n chunks.

    ``latents`` is [1, C, T, H, W], ``times`` float32 [n] on the CPU; ``texts`` holds one caption
    [L, caption_channels] for each chunk, ``null`` the one that means no text. ``refresh`` says
    that the first chunk is only there to store its keys; ``prefix`` that all of them are.
    """

    latents: torch.Tensor
    times: torch.Tensor
    texts: tuple[torch.Tensor, ...]
    null: torch.Tensor
    layout: ChunkLayout
    step_size: float | None
    refresh: bool = False
    prefix: bool = False

    @property
    def num_chunks(self) -> int:
        """Chunks in the call."""
        return self.layout.num_chunks

    @property
    def batched_times(self) -> torch.Tensor:
        """Shape [1, n], where the latents are."""
        return self.times[None].to(self.latents.device)


Guidance = Callable[[MagiTransformer3DModel, SamplingConfig, Call, KVCache], torch.Tensor]
"""Gives the velocity [1, C, T, H, W] of the call's chunks, without the refreshed one."""


def three_passes(
    model: MagiTransformer3DModel, config: SamplingConfig, call: Call, cache: KVCache
) -> torch.Tensor:
    """Guidance of a base model.

    v = (1 - p) * alone + (p - s) * past + s * text, where ``text`` sees the caption and the
    chunks before, ``past`` only the chunks before, ``alone`` neither; p and s depend on each
    chunk's time. The keys that stay in the cache are those of ``past``.
    """
    reading = replace(call.layout, store=range(0))
    text = model(
        call.latents,
        call.batched_times,
        call.texts,
        conditional=True,
        layout=reading,
        cache=cache,
        step_size=call.step_size,
    )
    past = model(
        call.latents,
        call.batched_times,
        (call.null,) * call.num_chunks,
        conditional=False,
        layout=call.layout,
        cache=cache,
        step_size=call.step_size,
    )
    skipped = int(call.refresh)
    text, past = (_by_chunk(part, call.num_chunks)[skipped:] for part in (text, past))
    alone = _without_past(model, call, skipped)
    scales = [_scales(config, time) for time in call.times[skipped:]]
    guided = [
        (1 - p) * alone[i] + (p - s) * past[i] + s * text[i] for i, (p, s) in enumerate(scales)
    ]
    return torch.cat(guided, dim=1)[None]


def _without_past(model: MagiTransformer3DModel, call: Call, skipped: int) -> torch.Tensor:
    """Each chunk as the first of a video of its own, without text: [n, C, t, H, W]."""
    chunks = _by_chunk(call.latents, call.num_chunks)[skipped:]
    velocity: torch.Tensor = model(
        chunks,
        call.times[skipped:, None].to(chunks.device),
        (call.null,) * len(chunks),
        conditional=False,
        step_size=call.step_size,
    )
    return velocity


def _scales(config: SamplingConfig, time: torch.Tensor) -> tuple[float, float]:
    """Scales of (previous chunks, text) from the range that ``time`` is in."""
    starts = torch.tensor(config.guidance_t) - 1e-7
    index = int(torch.searchsorted(starts, time)) - 1
    return config.previous_scales[index], config.text_scales[index]


def one_pass(
    model: MagiTransformer3DModel, config: SamplingConfig, call: Call, cache: KVCache
) -> torch.Tensor:
    """Prediction of a distilled (or FP8) model, which needs no guidance.

    Once the cleanest chunk is nearly clean (``nearly_clean_t``), a copy of it that sees nothing
    but itself is run along, and its velocity is 0.7 * with past + 0.3 * without.
    """
    skipped = int(call.refresh)
    nearly_clean = not call.prefix and call.times[skipped].item() > config.nearly_clean_t
    asked = _with_copy(call, skipped) if nearly_clean else call
    velocity = model(
        asked.latents,
        asked.batched_times,
        asked.texts,
        conditional=True,
        layout=asked.layout,
        cache=cache,
        step_size=asked.step_size,
    )
    chunks = list(_by_chunk(velocity, asked.num_chunks))
    if nearly_clean:
        chunks[skipped] = mix_past(chunks[skipped], chunks.pop())
    return torch.cat(chunks[skipped:], dim=1)[None]


def mix_past(with_past: torch.Tensor, alone: torch.Tensor) -> torch.Tensor:
    """Velocity of a nearly clean chunk."""
    return with_past * _PAST_WEIGHT + alone * (1 - _PAST_WEIGHT)


def _with_copy(call: Call, index: int) -> Call:
    """The same call with chunk ``index`` once more at its end, attending to itself only."""
    chunk = call.latents.chunk(call.num_chunks, dim=2)[index]
    end = call.layout.first + call.num_chunks
    return replace(
        call,
        latents=torch.cat([call.latents, chunk], dim=2),
        times=torch.cat([call.times, call.times[index : index + 1]]),
        texts=(*call.texts, call.texts[index]),
        layout=replace(call.layout, kv_ranges=(*call.layout.kv_ranges, (end, end + 1))),
    )


def _by_chunk(latents: torch.Tensor, num_chunks: int) -> torch.Tensor:
    """[1, C, T, H, W] to [num_chunks, C, T / num_chunks, H, W]."""
    return torch.cat(latents.chunk(num_chunks, dim=2))


GUIDANCE: dict[int, Guidance] = {3: three_passes, 1: one_pass}
"""By the number of passes that a checkpoint is made for."""
