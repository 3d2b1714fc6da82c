"""Adaptive projected guidance (APG), around a pipeline that knows only the plain kind.

Sadat and others, "Eliminating Oversaturation and Artifacts of High Guidance Scales", arXiv
2410.02416. Plain guidance adds ``(scale - 1) * (conditional - unconditional)`` to the conditional
prediction. APG shortens that difference to a threshold, and leaves out its part along the
conditional prediction, which saturates. Waver's report (arXiv 2508.15761) takes lengths and
directions over [C, H, W]: each latent frame by itself.

The formula is diffusers', applied to the model's prediction as diffusers' own guiders do; the
paper applies it to the denoised sample. Those guiders belong to the modular pipelines, which have
no per-token timesteps in 0.42.1 (modular_pipelines/wan), so they cannot run the default checkpoint.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import common.runtime.libraries  # noqa: F401

import torch
from diffusers.guiders.adaptive_projected_guidance import normalized_guidance

PER_FRAME = (1, 3, 4)
"""C, H and W of [B, C, T, H, W]."""

PARALLEL_SHARE = 0.0
"""``eta``: nothing of the parallel part is kept (the paper's default)."""


@contextmanager
def projected_guidance(
    transformer: Any, negative_embeds: torch.Tensor, *, scale: float, threshold: float
) -> Iterator[None]:
    """Inside, every pass of ``transformer`` comes with its negative pass, combined by APG.

    The pipeline must be told not to guide by itself (``guidance_scale=1``).

    Args:
        transformer: takes ``encoder_hidden_states`` by name, and answers a tuple.
        negative_embeds: takes their place in the negative pass; shape [B, L, D].
        scale: the whole guidance scale; 1 is off.
        threshold: the longest update of a latent frame, before the scale.
    """

    def guide(module: Any, args: Any, kwargs: Any, output: Any) -> tuple[torch.Tensor]:
        negative = {**kwargs, "encoder_hidden_states": negative_embeds}
        # ``forward`` itself: a call would come back to this hook.
        with module.cache_context("uncond"):  # a step cache keeps the two passes apart
            unconditional = module.forward(*args, **negative)[0]
        return (apg(output[0], unconditional, scale, threshold),)

    handle = transformer.register_forward_hook(guide, with_kwargs=True)
    try:
        yield
    finally:
        handle.remove()


def apg(
    conditional: torch.Tensor, unconditional: torch.Tensor, scale: float, threshold: float
) -> torch.Tensor:
    """The guided prediction, [B, C, T, H, W] like both."""
    guided: torch.Tensor = normalized_guidance(
        conditional,
        unconditional,
        guidance_scale=scale - 1,
        eta=PARALLEL_SHARE,
        norm_threshold=threshold,
        use_original_formulation=True,
        norm_dim=PER_FRAME,
    )
    return guided
