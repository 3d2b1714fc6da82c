"""LTX-2's sampling on diffusers: from a request and what it shows to latents."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import common.runtime.libraries  # noqa: F401

import numpy as np
import torch
from diffusers import LTX2Pipeline
from diffusers.pipelines.ltx2.utils import DISTILLED_SIGMA_VALUES, resolve_default_image_crf
from numpy.typing import NDArray

from common.base.errors import Unresolvable
from common.contract import JobContext
from common.kinds.video.resolved import ResolvedRequest
from common.runtime.kept_lora import Shelf
from common.runtime.latent_preview import LatentPreview
from common.runtime.sampling import StepCallback, generator_for, step_callback
from ltx2.conditioning import condition_picture
from ltx2.decoding import Latents, fitted_encoding, unpack_latents
from ltx2.fidelity import Conditioned, ImageToVideo, perturbing
from ltx2.guidance import Guidance, resolve_guidance
from ltx2.keyframes import conditions_of, first_picture, wants_conditions
from ltx2.options import Ltx2Options
from ltx2.traits import Traits
from ltx2.upsampling import Refining


@dataclass(frozen=True)
class Ltx2:
    """A loaded checkpoint: all pipelines hold the same modules, there is one set of weights."""

    text_to_video: LTX2Pipeline
    image_to_video: ImageToVideo
    conditioned: Conditioned
    refining: Refining
    traits: Traits
    preview: LatentPreview
    shelf: Shelf


def conditions(model: Ltx2, request: ResolvedRequest) -> dict[str, Any]:
    """The arguments of diffusers' call that say what the video shows."""
    words = {"prompt": request.prompt, "negative_prompt": request.negative_prompt}
    crf = resolve_default_image_crf(model.image_to_video.text_encoder)
    if wants_conditions(request):
        return {**words, "conditions": conditions_of(request, crf)}
    shown = first_picture(request)
    if shown is None:
        return words
    picture = condition_picture(shown, request.width, request.height, crf)
    return {**words, "image": picture, "image_crf": 0}  # it is compressed already


def sampling_arguments(request: ResolvedRequest, traits: Traits) -> dict[str, Any]:
    """The arguments of diffusers' call that a request and a checkpoint decide together."""
    return {
        "width": request.width,
        "height": request.height,
        "num_frames": request.clip_frames,
        "frame_rate": request.fps,
        "num_inference_steps": request.num_inference_steps,
        "use_cross_timestep": False,  # each token's own time; see gate_by_noise_level
        "spatio_temporal_guidance_blocks": list(traits.stg_blocks),
        **_guidance(request).arguments(),
    }


def _guidance(request: ResolvedRequest) -> Guidance:
    return resolve_guidance(request.guidance_scale, Ltx2Options(**request.options))


def sigmas_of(request: ResolvedRequest, traits: Traits) -> list[float] | None:
    """The noise levels that a distilled checkpoint was trained on; None lets the scheduler shift.

    They are one schedule, of which no shorter form is published, so no other length is run.

    Raises:
        Unresolvable: a distilled checkpoint with another number of steps than its own.
    """
    if not traits.distilled:
        return None
    if request.num_inference_steps != len(DISTILLED_SIGMA_VALUES):
        raise Unresolvable(
            f"this checkpoint is distilled to {len(DISTILLED_SIGMA_VALUES)} steps exactly; "
            f"{request.num_inference_steps} were asked for.",
            param="num_inference_steps",
            hint="Leave num_inference_steps out.",
        )
    return list(DISTILLED_SIGMA_VALUES)


def denoise(
    model: Ltx2,
    request: ResolvedRequest,
    conditions: Mapping[str, Any],
    context: JobContext,
    generator: torch.Generator | None = None,
) -> Latents:
    """Run the sampling loop; answer what both decoders take.

    Args:
        model: the loaded checkpoint.
        request: its picture and words are not looked at.
        conditions: of diffusers' call, see ``conditions``; embeddings or noise can stand here too.
        context: told of every step, asked after each.
        generator: of the noise; one of the request's seed where it is left out.

    Raises:
        Unresolvable: a distilled checkpoint with another number of steps than its own.
    """
    arguments = {"sigmas": sigmas_of(request, model.traits), **conditions}
    noise = generator_for(request.seed) if generator is None else generator
    return sample(model, _sampling(model, conditions), request, arguments, noise, context)


def sample(
    model: Ltx2,
    pipeline: Any,
    request: ResolvedRequest,
    arguments: Mapping[str, Any],
    generator: torch.Generator,
    context: JobContext,
) -> Latents:
    """Run one of diffusers' loops.

    The picture's latents are taken from the last step: ``output_type="latent"`` answers them
    denormalised in float32, where the pipeline's own decoding does that in the compute dtype.

    Args:
        model: the loaded checkpoint.
        pipeline: one that holds its modules.
        request: its size, length, steps and guidance.
        arguments: of the call: what it shows, noise levels, what it begins with.
        generator: of the noise.
        context: told of every step, asked after each.
    """
    guidance = _guidance(request)
    packed = list[torch.Tensor]()
    perturbed = perturbing(
        pipeline.transformer,
        model.traits.stg_blocks,
        video=guidance.stg_scale > 0,
        audio=guidance.audio_stg_scale > 0,
    )
    with perturbed, fitted_encoding(model.text_to_video, request):
        plain, audio = pipeline(
            **{**sampling_arguments(request, model.traits), **arguments},
            generator=generator,
            output_type="latent",
            return_dict=False,
            callback_on_step_end=_step_end(model, request, packed, context),
        )
    video = unpack_latents(model.text_to_video, packed[0], request)
    return Latents(video=video, audio=audio, plain=plain)


def _sampling(model: Ltx2, conditions: Mapping[str, Any]) -> Any:
    """The pipeline that takes them."""
    if "conditions" in conditions:
        return model.conditioned
    return model.image_to_video if "image" in conditions else model.text_to_video


def _step_end(
    model: Ltx2, request: ResolvedRequest, packed: list[torch.Tensor], context: JobContext
) -> StepCallback:
    """Report each step; keep the latents of the last one in ``packed``."""
    steps = request.num_inference_steps

    def picture(tokens: torch.Tensor) -> NDArray[np.uint8]:
        return model.preview(unpack_latents(model.text_to_video, tokens, request))

    report = step_callback(context, steps, picture)

    def on_step_end(
        pipeline: Any, step: int, timestep: Any, tensors: dict[str, Any]
    ) -> dict[str, Any]:
        if step + 1 == steps:
            packed.append(tensors["latents"])
        return report(pipeline, step, timestep, tensors)

    return on_step_end
