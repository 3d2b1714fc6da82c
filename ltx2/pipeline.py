"""LTX-2 on diffusers: loads a checkpoint once, denoises, and hands the latents to the decoders."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import LTX2ImageToVideoPipeline, LTX2Pipeline
from diffusers.pipelines.ltx2.utils import DISTILLED_SIGMA_VALUES
from numpy.typing import NDArray
from PIL import Image

from common.contract import JobContext, LoadOptions, Phase, VideoClip
from common.errors import InvalidRequest, Unresolvable
from common.requests import ResolvedRequest
from common.runtime.checkpoints import find_class, load_pipeline
from common.runtime.devices import memory_errors
from common.runtime.images import load_image
from common.runtime.latent_preview import LatentPreview
from common.runtime.sampling import generator_for, step_callback
from ltx2.decoding import Latents, decode_audio, decode_video, unpack_latents
from ltx2.guidance import Guidance, resolve_guidance
from ltx2.options import Ltx2Options
from ltx2.precision import keep_rules
from ltx2.preview import latent_preview
from ltx2.traits import Traits, traits_of

PIPELINE_CLASSES = ("LTX2Pipeline", "LTX2ImageToVideoPipeline")


@dataclass(frozen=True)
class Ltx2:
    """A loaded checkpoint: both pipelines hold the same modules, there is one set of weights."""

    text_to_video: LTX2Pipeline
    image_to_video: LTX2ImageToVideoPipeline
    traits: Traits
    preview: LatentPreview


def load(checkpoint: Path, options: LoadOptions) -> Ltx2:
    """Load a checkpoint in the diffusers layout.

    Raises:
        CheckpointError: a file is missing, damaged or of another model.
        InvalidRequest: the device does not exist.
        OutOfMemory: the weights did not fit.
        SettingsError: a setting asks for what this device does not have.
    """
    find_class(checkpoint, PIPELINE_CLASSES)
    text_to_video = load_pipeline(LTX2Pipeline, checkpoint, options, keep=keep_rules(checkpoint))
    image_to_video = LTX2ImageToVideoPipeline(**text_to_video.components)
    image_to_video.set_progress_bar_config(disable=True)
    preview = latent_preview(text_to_video)
    return Ltx2(text_to_video, image_to_video, traits_of(text_to_video), preview)


def generate(model: Ltx2, request: ResolvedRequest, context: JobContext) -> VideoClip:
    """Make picture and sound. Frames are decoded when they are asked for, the sound before.

    Picture and sound are denoised together whatever is asked for; without ``generate_audio`` the
    sound's latents are thrown away and the picture is the same.

    Raises:
        InvalidRequest: the options ask for what this checkpoint does not have.
        Unresolvable: a distilled checkpoint with another number of steps than its own.
        OutOfMemory: the job did not fit.
    """
    arguments = sampling_arguments(request, model.traits)
    context.progress(Phase.ENCODING_PROMPT)
    context.raise_if_cancelled()
    with memory_errors():
        latents = _denoise(model, request, arguments, context)
        context.progress(Phase.DECODING)
        context.raise_if_cancelled()
        audio = decode_audio(model.text_to_video, latents.audio) if request.generate_audio else None
    return VideoClip(
        frames=decode_video(model.text_to_video, latents.video, context),
        num_frames=request.num_frames,
        width=request.width,
        height=request.height,
        fps=request.fps,
        audio=audio,
    )


def sampling_arguments(request: ResolvedRequest, traits: Traits) -> dict[str, Any]:
    """The arguments of diffusers' call that a request and a checkpoint decide together."""
    return {
        "prompt": request.prompt,
        "negative_prompt": request.negative_prompt,
        "width": request.width,
        "height": request.height,
        "num_frames": request.num_frames,
        "frame_rate": request.fps,
        "num_inference_steps": request.num_inference_steps,
        "sigmas": _sigmas(request, traits),
        "use_cross_timestep": traits.cross_timestep,
        "spatio_temporal_guidance_blocks": list(traits.stg_blocks),
        **_guidance(request, traits).arguments(),
    }


def _guidance(request: ResolvedRequest, traits: Traits) -> Guidance:
    guidance = resolve_guidance(
        request.guidance_scale,
        Ltx2Options(**request.options),
        perturbed_attention=traits.perturbed_attention,
    )
    if guidance.has_stg and not traits.perturbed_attention:
        raise InvalidRequest(
            "this checkpoint has no perturbed attention: stg_scale would change nothing.",
            param="options.stg_scale",
            hint="Leave stg_scale and audio_stg_scale out, or use an LTX-2.3 checkpoint.",
        )
    return guidance


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


def _denoise(
    model: Ltx2, request: ResolvedRequest, arguments: dict[str, Any], context: JobContext
) -> Latents:
    """Run the sampling loop; answer what both decoders take.

    The picture's latents are taken from the last step: ``output_type="latent"`` answers them
    denormalised in float32, where the pipeline's own decoding does that in the compute dtype.
    """
    steps = request.num_inference_steps
    packed = list[torch.Tensor]()

    def picture(tokens: torch.Tensor) -> NDArray[np.uint8]:
        return model.preview(unpack_latents(model.text_to_video, tokens, request))

    report = step_callback(context, steps, picture)

    def on_step_end(
        pipeline: Any, step: int, timestep: Any, tensors: dict[str, Any]
    ) -> dict[str, Any]:
        if step + 1 == steps:
            packed.append(tensors["latents"])
        return report(pipeline, step, timestep, tensors)

    _, audio = _call(model, request)(
        **arguments,
        generator=generator_for(request.seed),
        output_type="latent",
        return_dict=False,
        callback_on_step_end=on_step_end,
    )
    video = unpack_latents(model.text_to_video, packed[0], request)
    return Latents(video=video, audio=audio)


def _call(model: Ltx2, request: ResolvedRequest) -> Any:
    """The pipeline of the request's kind.

    Of the picture's preparation only the fit to the frame is ours; diffusers compresses it as
    H.264 (``image_crf``), as in training, before it is encoded.
    """
    if request.image is None:
        return model.text_to_video
    picture = load_image(request.image, request.width, request.height)
    return partial(model.image_to_video, image=Image.fromarray(picture))
