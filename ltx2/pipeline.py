"""LTX-2 on diffusers: loads a checkpoint once, denoises, and hands the latents to the decoders."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import common.runtime.libraries  # noqa: F401

import numpy as np
import torch
from diffusers import LTX2Pipeline
from diffusers.pipelines.ltx2.utils import DISTILLED_SIGMA_VALUES, resolve_default_image_crf
from numpy.typing import NDArray

from common.base.errors import Unresolvable
from common.contract import JobContext, LoadOptions, Phase
from common.kinds.video import VideoClip
from common.kinds.video.resolved import ResolvedRequest
from common.runtime.checkpoints import find_class, load_pipeline
from common.runtime.devices import memory_errors
from common.runtime.kept_lora import Shelf
from common.runtime.latent_preview import LatentPreview
from common.runtime.sampling import StepCallback, generator_for, step_callback
from ltx2.conditioning import condition_picture
from ltx2.decoding import Latents, decode_audio, decode_video, fitted_encoding, unpack_latents
from ltx2.estimates import float32_components
from ltx2.fidelity import (
    TRANSFORMER_CONFIG,
    Conditioned,
    ImageToVideo,
    constant_shift,
    gate_by_noise_level,
    perturbing,
)
from ltx2.guidance import Guidance, resolve_guidance
from ltx2.keyframes import conditions_of, first_picture, wants_conditions
from ltx2.lora_names import to_diffusers_names
from ltx2.options import Ltx2Options
from ltx2.precision import keep_rules
from ltx2.preview import latent_preview
from ltx2.traits import Traits, traits_of

PIPELINE_CLASSES = ("LTX2Pipeline", "LTX2ImageToVideoPipeline")
UNCALLED = ("processor",)
"""LTX-2.3's repositories have one. Only diffusers' prompt enhancement calls it, and it may want an
image library that the service does without."""


@dataclass(frozen=True)
class Ltx2:
    """A loaded checkpoint: all pipelines hold the same modules, there is one set of weights."""

    text_to_video: LTX2Pipeline
    image_to_video: ImageToVideo
    conditioned: Conditioned
    traits: Traits
    preview: LatentPreview
    shelf: Shelf


def load(checkpoint: Path, options: LoadOptions) -> Ltx2:
    """Load a checkpoint in the diffusers layout.

    Raises:
        CheckpointError: a file is missing, damaged or of another model.
        InvalidRequest: the device does not exist.
        OutOfMemory: the weights did not fit.
        SettingsError: a setting asks for what this device does not have.
    """
    find_class(checkpoint, PIPELINE_CLASSES)
    return ready(
        load_pipeline(
            LTX2Pipeline,
            checkpoint,
            options,
            keep=keep_rules(checkpoint),
            float32=float32_components(checkpoint),
            config={"transformer": TRANSFORMER_CONFIG},
            without=UNCALLED,
        ),
        Shelf.of(options, to_diffusers_names),
    )


def ready(pipeline: LTX2Pipeline, shelf: Shelf) -> Ltx2:
    """Make a loaded pipeline sample as the model's authors do, from words and from pictures.

    Args:
        pipeline: its transformer was built with ``TRANSFORMER_CONFIG``; it is changed.
        shelf: of its LoRAs.
    """
    pipeline.register_modules(scheduler=constant_shift(pipeline.scheduler))
    gate_by_noise_level(pipeline.transformer)
    image_to_video = ImageToVideo(**pipeline.components)
    conditioned = Conditioned(**pipeline.components)
    for other in (image_to_video, conditioned):
        other.set_progress_bar_config(disable=True)
    traits, preview = traits_of(pipeline), latent_preview(pipeline)
    return Ltx2(pipeline, image_to_video, conditioned, traits, preview, shelf)


def generate(model: Ltx2, request: ResolvedRequest, context: JobContext) -> VideoClip:
    """Make picture and sound. Frames are decoded when they are asked for, the sound before.

    Picture and sound are denoised together whatever is asked for; without ``generate_audio`` the
    sound's latents are thrown away and the picture is the same.

    Raises:
        OutOfMemory: the job did not fit.
        Unresolvable: a distilled checkpoint with another number of steps than its own.
    """
    context.progress(Phase.ENCODING_PROMPT)
    context.raise_if_cancelled()
    transformer = model.text_to_video.transformer
    with memory_errors(), model.shelf.applied(transformer, request.loras):
        latents = denoise(model, request, conditions(model, request), context)
        context.progress(Phase.DECODING)
        context.raise_if_cancelled()
        audio = decode_audio(model.text_to_video, latents.audio) if request.generate_audio else None
    return VideoClip(
        frames=decode_video(model.text_to_video, latents.video, context),
        num_frames=request.clip_frames,
        width=request.width,
        height=request.height,
        fps=request.fps,
        audio=audio,
    )


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
        "sigmas": _sigmas(request, traits),
        "use_cross_timestep": False,  # each token's own time; see gate_by_noise_level
        "spatio_temporal_guidance_blocks": list(traits.stg_blocks),
        **_guidance(request).arguments(),
    }


def _guidance(request: ResolvedRequest) -> Guidance:
    return resolve_guidance(request.guidance_scale, Ltx2Options(**request.options))


def _sigmas(request: ResolvedRequest, traits: Traits) -> list[float] | None:
    """The noise levels that a distilled checkpoint was trained on; None lets the scheduler shift.

    They are one schedule, of which no shorter form is published, so no other length is run.
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
    model: Ltx2, request: ResolvedRequest, conditions: Mapping[str, Any], context: JobContext
) -> Latents:
    """Run the sampling loop; answer what both decoders take.

    The picture's latents are taken from the last step: ``output_type="latent"`` answers them
    denormalised in float32, where the pipeline's own decoding does that in the compute dtype.

    Args:
        model: the loaded checkpoint.
        request: its picture and words are not looked at.
        conditions: of diffusers' call, see ``conditions``; embeddings or noise can stand here too.
        context: told of every step, asked after each.

    Raises:
        Unresolvable: a distilled checkpoint with another number of steps than its own.
    """
    arguments = {**sampling_arguments(request, model.traits), **conditions}
    guidance = _guidance(request)
    packed = list[torch.Tensor]()
    pipeline = _sampling(model, conditions)
    perturbed = perturbing(
        pipeline.transformer,
        model.traits.stg_blocks,
        video=guidance.stg_scale > 0,
        audio=guidance.audio_stg_scale > 0,
    )
    with perturbed, fitted_encoding(model.text_to_video, request):
        _, audio = pipeline(
            **arguments,
            generator=generator_for(request.seed),
            output_type="latent",
            return_dict=False,
            callback_on_step_end=_step_end(model, request, packed, context),
        )
    video = unpack_latents(model.text_to_video, packed[0], request)
    return Latents(video=video, audio=audio)


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
