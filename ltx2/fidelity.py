"""Where diffusers 0.42.1 samples otherwise than the model's authors, and what makes it equal.

The authors' code is Lightricks/LTX-2 at 400fd31 (ltx-core 1.2.0, ltx-pipelines); what each
difference costs stands in docs/fidelity.md. ``tests/parity/test_official_ltx2.py`` holds all of
it to numbers made by that code: what diffusers mends one day can go here, and the test says so.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Self

import common.runtime.libraries  # noqa: F401

import torch
from diffusers import (
    FlowMatchEulerDiscreteScheduler,
    LTX2ConditionPipeline,
    LTX2ImageToVideoPipeline,
)
from diffusers.models.transformers.transformer_ltx2 import LTX2PerturbedAttnProcessor

SHIFT = 2.05
"""``mu`` of the schedule. The authors' one-stage pipeline asks for its sigmas without the latents
(``execute(steps=N)``, ltx_pipelines/ti2vid_one_stage.py), so 4096 tokens are assumed, for which it
is ``max_shift`` (ltx_core/components/schedulers.py). diffusers counts the tokens instead: another
schedule at every size but one, and NaN for long ones (huggingface/diffusers issue 14243)."""

TRANSFORMER_CONFIG = {"perturbed_attn": True}
"""Stands above ``transformer/config.json``. It picks the attention that STG can perturb and needs
no weights; the configuration of LTX-2.0 lacks it, and STG would then cost a pass for nothing."""


def constant_shift(scheduler: Any) -> Any:
    """The same scheduler, whose shift no longer depends on how many tokens there are.

    One without dynamic shifting, as distilled checkpoints have it, takes its sigmas as they are.
    """
    if not scheduler.config.use_dynamic_shifting:
        return scheduler
    return FlowMatchEulerDiscreteScheduler.from_config(
        scheduler.config, base_shift=SHIFT, max_shift=SHIFT
    )


def gate_by_noise_level(transformer: Any) -> None:
    """Let the gate from sound to picture follow the sound's noise level, for every token.

    Scale and shift follow each token's own time and only the gate the other stream's sigma
    (``_prepare_cross_attention_timestep``, ltx_core/model/transformer/transformer_args.py).
    ``use_cross_timestep`` of diffusers takes one of the two for all three. They differ where a
    picture is given, whose tokens are at time 0.
    """
    gate = transformer.av_cross_attn_video_a2v_gate
    gate.register_forward_pre_hook(_noise_level, with_kwargs=True)


def _noise_level(
    _module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """From a time for each token, [batch * tokens], to one for each video, [batch].

    The largest is sigma: no video has a picture's tokens alone.
    """
    timesteps: torch.Tensor = args[0]
    return (timesteps.view(kwargs["batch_size"], -1).amax(dim=1), *args[1:]), kwargs


class _OwnTime:
    """Tokens of what is given at their own time: at 0, what they are is what they are predicted as.

    As ``X0Model`` in ltx_core/model/transformer/model.py. diffusers subtracts the full sigma from
    them too. They are put back after each step, but until then they count for the contrast that
    ``guidance_rescale`` pulls everything to.
    """

    scheduler: Any
    _time: torch.Tensor
    """Of each token in units of sigma, 0 to 1, shape [1, tokens, 1]; of the call that runs."""

    def convert_velocity_to_x0(
        self,
        sample: torch.Tensor,
        denoised_output: torch.Tensor,
        step_idx: int,
        scheduler: Any | None = None,
    ) -> torch.Tensor:
        """Of the picture by each token's time; of the sound, which has its own scheduler, as is."""
        if scheduler is self.scheduler:
            denoised_output = denoised_output * self._time
        parent: Any = super()
        x0: torch.Tensor = parent.convert_velocity_to_x0(
            sample, denoised_output, step_idx, scheduler
        )
        return x0


class ImageToVideo(_OwnTime, LTX2ImageToVideoPipeline):  # type: ignore[misc]  # untyped base
    """From a picture, whose tokens are at time 0."""

    def prepare_latents(self, *args: Any, **kwargs: Any) -> tuple[torch.Tensor, torch.Tensor]:
        """As the class above; keeps which tokens are the picture's."""
        latents, is_picture = super().prepare_latents(*args, **kwargs)
        self._time = (1 - is_picture).unsqueeze(-1)
        return latents, is_picture


class Conditioned(_OwnTime, LTX2ConditionPipeline):  # type: ignore[misc]  # untyped base
    """From pictures at any frames: those behind the first are tokens more, at time 1 - strength."""

    def prepare_latents(
        self, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor | None]:
        """As the class above; keeps how far each token is given."""
        latents, given, clean, positions = super().prepare_latents(*args, **kwargs)
        self._time = 1 - given
        return latents, given, clean, positions


class _Unperturbed(LTX2PerturbedAttnProcessor):  # type: ignore[misc]  # untyped base
    """Attention that lets the pass of STG go by."""

    @classmethod
    def like(cls, processor: Any) -> Self:
        unperturbed = cls()
        unperturbed._attention_backend = processor._attention_backend
        unperturbed._parallel_config = processor._parallel_config
        return unperturbed

    def __call__(
        self,
        *args: Any,
        perturbation_mask: torch.Tensor | None = None,
        all_perturbed: bool | None = None,
        **kwargs: Any,
    ) -> torch.Tensor:
        del perturbation_mask, all_perturbed
        attended: torch.Tensor = super().__call__(*args, **kwargs)
        return attended


@contextmanager
def perturbing(
    transformer: Any, blocks: Iterable[int], *, video: bool, audio: bool
) -> Iterator[None]:
    """Within, STG perturbs only the streams that it guides; diffusers perturbs both, always.

    As ``_guided_denoise`` in ltx_pipelines/utils/denoisers.py.

    Args:
        transformer: with ``TRANSFORMER_CONFIG``.
        blocks: those that STG perturbs.
        video: whether it guides the picture.
        audio: whether it guides the sound.
    """
    layers = [transformer.transformer_blocks[index] for index in blocks]
    spared = [layer.attn1 for layer in layers if not video]
    spared += [layer.audio_attn1 for layer in layers if not audio]
    processors = [attention.processor for attention in spared]
    try:
        for attention in spared:
            attention.processor = _Unperturbed.like(attention.processor)
        yield
    finally:
        for attention, processor in zip(spared, processors, strict=True):
            attention.processor = processor
