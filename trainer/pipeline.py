"""Trains a LoRA on clips, and shows what it has learnt; through diffusers and PEFT.

Clips and captions are encoded once, before the first step. The base's weights stay as they are: a
checkpoint that was loaded once serves one training after the other.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import common.runtime.libraries  # noqa: F401

import torch
from diffusers import WanPipeline

from common.base.errors import GenerationFailed
from common.contract import JobContext, LoadOptions, Phase
from common.media.clip import VideoClip
from common.runtime.causal_decoding import check_decoder, decode
from common.runtime.checkpoints import find_class, load_pipeline
from common.runtime.devices import memory_errors
from common.runtime.flow_unipc import FlowUniPCScheduler
from common.runtime.keep_dit import keep_rules
from common.runtime.sampling import generator_for
from trainer.clips import encoded
from trainer.estimates import IN_FLOAT32, TEXT_TOKENS
from trainer.product import Trained
from trainer.requests import ResolvedTraining
from trainer.training import Example, Lessons, Trainer

if TYPE_CHECKING:
    from trainer.adapter import Adapter


def load(checkpoint: Path, options: LoadOptions) -> Any:
    """Load the diffusers pipeline that the checkpoint was saved from.

    Raises:
        CheckpointError: missing, incomplete, or of another model.
        SettingsError: a setting asks for what this device does not have.
    """
    find_class(checkpoint, known=[WanPipeline.__name__])
    pipeline = load_pipeline(
        WanPipeline, checkpoint, options, keep=keep_rules(checkpoint), float32=IN_FLOAT32
    )
    check_decoder(pipeline.vae)
    pipeline.transformer.requires_grad_(requires_grad=False)
    return pipeline


def generate(pipeline: Any, request: ResolvedTraining, context: JobContext) -> Trained:
    """Train now, and denoise what shows it; its frames are decoded as they are drawn.

    Raises:
        InvalidRequest: a clip cannot be read any more.
        GenerationFailed: the loss is not a number.
        OutOfMemory: here, or while frames are drawn.
    """
    from trainer.adapter import learning, save  # PEFT brings what no other job needs

    with memory_errors():
        lessons = _lessons(pipeline, request, context)
        with learning(pipeline.transformer, request.rank, request.seed) as adapter:
            losses = _train(pipeline, adapter, lessons, context)
            write = partial(save, adapter.tensors())
            tell = partial(context.progress, Phase.DENOISING, request.steps, request.steps)
            shown = request.validation_prompt
            latents = _made(pipeline, request, shown, request.seed, context, tell)
    needed = request.width * request.height  # tiles never: a clip as large was encoded
    clip = VideoClip(
        frames=decode(pipeline.vae, latents, context, needed_bytes=needed),
        num_frames=request.num_frames,
        width=request.width,
        height=request.height,
        fps=request.fps,
    )
    return Trained(write, losses, clip)


def _lessons(pipeline: Any, request: ResolvedTraining, context: JobContext) -> Lessons:
    examples, priors = list[Example](), list[Example]()
    total = request.num_clips + len(request.prior_prompts)

    def tell() -> None:
        context.progress(Phase.ENCODING_PROMPT, len(examples) + len(priors), total)

    tell()
    for latents, caption in encoded(pipeline.vae, request, context.raise_if_cancelled):
        examples.append(Example(latents, _embeds(pipeline, caption)))
        tell()
    for seed, prompt in enumerate(request.prior_prompts, request.seed):
        latents = _made(pipeline, request, prompt, seed, context, tell)
        priors.append(Example(latents, _embeds(pipeline, prompt)))
    return Lessons(
        examples=examples,
        nothing=_embeds(pipeline, ""),
        priors=priors,
        steps=request.steps,
        learning_rate=request.learning_rate,
        prior_loss_weight=request.prior_loss_weight,
        flow_shift=request.flow_shift,
        seed=request.seed,
    )


@torch.no_grad()
def _embeds(pipeline: Any, prompt: str) -> torch.Tensor:
    embeds, _ = pipeline.encode_prompt(
        prompt=prompt, do_classifier_free_guidance=False, max_sequence_length=TEXT_TOKENS
    )
    found: torch.Tensor = embeds.to(pipeline.transformer.dtype)
    return found


def _train(
    pipeline: Any, adapter: "Adapter", lessons: Lessons, context: JobContext
) -> Sequence[float]:
    by_token = bool(pipeline.config.expand_timesteps)
    losses: list[float] = []
    context.progress(Phase.DENOISING, 0, lessons.steps)
    for loss in Trainer(pipeline.transformer, adapter, lessons, by_token=by_token).run():
        if math.isnan(loss):
            raise GenerationFailed("the training came to values that are not numbers (NaN).")
        losses.append(loss)
        context.progress(Phase.DENOISING, len(losses), lessons.steps, loss=loss)
        context.raise_if_cancelled()
    return losses


def _made(
    pipeline: Any,
    request: ResolvedTraining,
    prompt: str,
    seed: int,
    context: JobContext,
    tell: Callable[[], None],
) -> torch.Tensor:
    """Normalised latents of what the model makes of a prompt now; ``tell`` at each step of it."""
    config = pipeline.scheduler.config
    pipeline.scheduler = FlowUniPCScheduler.from_config(config, flow_shift=request.flow_shift)
    latents: torch.Tensor = pipeline(
        prompt=prompt,
        negative_prompt="",
        width=request.width,
        height=request.height,
        num_frames=request.num_frames,
        num_inference_steps=request.num_inference_steps,
        guidance_scale=request.guidance_scale,
        generator=generator_for(seed),
        callback_on_step_end=_step_end(context, tell),
        output_type="latent",
    ).frames
    return latents


def _step_end(context: JobContext, tell: Callable[[], None]) -> Callable[..., dict[str, Any]]:
    """Shows life: a video may take longer than a worker may be still.

    Its steps are none of the training's, so ``tell`` says how far that is.
    """

    def on_step_end(_pipeline: Any, _step: int, _at: Any, found: dict[str, Any]) -> dict[str, Any]:
        tell()
        context.raise_if_cancelled()
        return found

    return on_step_end
