"""LTX-2 on diffusers: loads a checkpoint once, denoises, and hands the latents to the decoders."""

from pathlib import Path

import common.runtime.libraries  # noqa: F401

from diffusers import LTX2Pipeline

from common.contract import JobContext, LoadOptions, Phase
from common.kinds.video import VideoClip
from common.kinds.video.resolved import ResolvedRequest
from common.runtime.checkpoints import find_class, load_pipeline
from common.runtime.devices import memory_errors
from common.runtime.kept_lora import Shelf
from ltx2.decoding import decode_audio, decode_video
from ltx2.denoising import Ltx2, conditions, denoise
from ltx2.enlarging import enlarged
from ltx2.estimates import float32_components
from ltx2.fidelity import (
    TRANSFORMER_CONFIG,
    Conditioned,
    ImageToVideo,
    constant_shift,
    gate_by_noise_level,
)
from ltx2.lora_names import to_diffusers_names
from ltx2.precision import keep_rules
from ltx2.preview import latent_preview
from ltx2.traits import traits_of
from ltx2.two_stages import denoise_twice
from ltx2.upsampling import Refining

PIPELINE_CLASSES = ("LTX2Pipeline", "LTX2ImageToVideoPipeline")
UNCALLED = ("processor",)
"""LTX-2.3's repositories have one. Only diffusers' prompt enhancement calls it, and it may want an
image library that the service does without."""


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
        options,
    )


def ready(pipeline: LTX2Pipeline, shelf: Shelf, options: LoadOptions | None = None) -> Ltx2:
    """Make a loaded pipeline sample as the model's authors do, from words and from pictures.

    Args:
        pipeline: its transformer was built with ``TRANSFORMER_CONFIG``; it is changed.
        shelf: of its LoRAs.
        options: where the files of a second stage are; None: nowhere.
    """
    pipeline.register_modules(scheduler=constant_shift(pipeline.scheduler))
    gate_by_noise_level(pipeline.transformer)
    image_to_video = ImageToVideo(**pipeline.components)
    conditioned = Conditioned(**pipeline.components)
    for other in (image_to_video, conditioned):
        other.set_progress_bar_config(disable=True)
    refining = Refining.of(pipeline, options)
    traits, preview = traits_of(pipeline), latent_preview(pipeline)
    return Ltx2(pipeline, image_to_video, conditioned, refining, traits, preview, shelf)


def generate(model: Ltx2, request: ResolvedRequest, context: JobContext) -> VideoClip:
    """Make picture and sound. Frames are decoded when they are asked for, the sound before.

    Picture and sound are denoised together whatever is asked for; without ``generate_audio`` the
    sound's latents are thrown away and the picture is the same.

    Raises:
        CheckpointError: a file of the second stage, where there is one, is missing or damaged.
        OutOfMemory: the job did not fit.
        Unresolvable: a distilled checkpoint with another number of steps than its own.
    """
    if request.enlarges_latents:
        return enlarged(model, request, context)
    context.progress(Phase.ENCODING_PROMPT)
    context.raise_if_cancelled()
    transformer = model.text_to_video.transformer
    with memory_errors(), model.shelf.applied(transformer, request.loras):
        if request.second_stage is None:
            latents = denoise(model, request, conditions(model, request), context)
        else:
            latents = denoise_twice(model, request, context)
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
