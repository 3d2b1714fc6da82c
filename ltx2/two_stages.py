"""A video in two stages, as Lightricks/LTX-2 has them: ``ti2vid_two_stages.py``, ``distilled.py``.

The first stage makes it at half of its sides. Its latents are enlarged, noised again to the first
of a few noise levels, and denoised at all of the sides without guidance, with a LoRA that makes a
full checkpoint a distilled one. What the video shows is shown to both stages, at each one's size.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import common.runtime.libraries  # noqa: F401

import torch
from diffusers.pipelines.ltx2.utils import (
    STAGE_2_DISTILLED_SIGMA_VALUES,
    resolve_default_image_crf,
)

from common.contract import JobContext, Phase
from common.kinds.video.resolved import ResolvedRequest
from common.runtime.kept_lora import beside
from common.runtime.sampling import generator_for
from ltx2.decoding import Latents
from ltx2.denoising import Ltx2, conditions, denoise, sample
from ltx2.estimates import stages_of
from ltx2.keyframes import conditions_of
from ltx2.upsampling import SecondFiles

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Counted:
    """A stage's view of its job: its steps go on from those of the stage before."""

    context: JobContext
    before: int
    steps: int
    """Of all stages."""

    def progress(
        self,
        phase: Phase,
        step: int = 0,
        steps: int = 0,
        *,
        chunk: int = 0,
        chunks: int = 0,
        loss: float | None = None,
    ) -> None:
        """As the protocol says, with the job's own numbers; here are no pieces and no loss."""
        del chunk, chunks, loss
        if phase is Phase.DENOISING:
            step, steps = self.before + step, self.steps
        self.context.progress(phase, step, steps)

    def preview(self, step: int, picture: "Callable[[], NDArray[np.uint8]]") -> None:
        """As the protocol says."""
        self.context.preview(self.before + step, picture)

    def raise_if_cancelled(self) -> None:
        """As the protocol says."""
        self.context.raise_if_cancelled()


def denoise_twice(model: Ltx2, request: ResolvedRequest, context: JobContext) -> Latents:
    """Latents of a request with a ``second_stage``.

    One source of noise serves both stages. A full checkpoint's sound is the first stage's, as its
    authors keep it; a distilled one's is refined with the picture, as they do it there.

    Args:
        model: the loaded checkpoint; the request's own LoRAs are beside its weights.
        request: with the full paths of its files.
        context: told of every step of both stages, asked after each.

    Raises:
        CheckpointError: a file of the second stage is missing, damaged or of another model.
        Unresolvable: as ``denoise``.
    """
    files = model.refining.opened()  # before minutes of the first stage
    first, second = stages_of(request)
    steps, noise = request.steps_taken, generator_for(request.seed)
    rough = denoise(model, first, conditions(model, first), Counted(context, 0, steps), noise)
    larger = files.upsampled(model.text_to_video, rough.plain)
    context.raise_if_cancelled()
    counted = Counted(context, first.num_inference_steps, steps)
    with _lora(model, files):
        refined = _refined(model, second, larger, rough.audio, noise, counted)
    return refined if model.traits.distilled else Latents(refined.video, rough.audio, refined.plain)


def _lora(model: Ltx2, files: SecondFiles) -> AbstractContextManager[None]:
    """At strength 1: ``DEFAULT_LORA_STRENGTH`` in ltx_pipelines/utils/constants.py."""
    if files.lora is None:
        return nullcontext()
    return beside(model.text_to_video.transformer, files.lora)


def _refined(
    model: Ltx2,
    request: ResolvedRequest,
    latents: torch.Tensor,
    audio_latents: torch.Tensor,
    noise: torch.Generator,
    context: JobContext,
) -> Latents:
    """The second stage; ``latents`` are in its size, and like ``audio_latents`` not normalised.

    A picture is encoded anew in this size. diffusers' pipeline from an image would keep the
    enlarged first latent in its place; the one from conditions does what the authors do.
    """
    shown = _shown(model, request)
    pipeline = model.refining.conditioned if shown else model.refining.text_to_video
    arguments = {
        "prompt": request.prompt,
        "negative_prompt": request.negative_prompt,
        "latents": latents.float(),  # as they are between steps
        "audio_latents": audio_latents,
        "sigmas": list(STAGE_2_DISTILLED_SIGMA_VALUES),
        "noise_scale": STAGE_2_DISTILLED_SIGMA_VALUES[0],
        **({"conditions": shown} if shown else {}),
    }
    return sample(model, pipeline, request, arguments, noise, context)


def _shown(model: Ltx2, request: ResolvedRequest) -> list[Any]:
    crf = resolve_default_image_crf(model.text_to_video.text_encoder)
    return conditions_of(request, crf)
