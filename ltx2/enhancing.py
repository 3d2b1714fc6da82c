"""A prompt in more words, by the text encoder that is in memory anyway: Gemma 3 can write too."""

from typing import Any

import common.runtime.libraries  # noqa: F401

import torch
from diffusers import LTX2Pipeline
from diffusers.pipelines.ltx2.utils import (
    GEMMA3_PROMPT_ENHANCEMENT_CONFIG,
    I2V_DEFAULT_SYSTEM_PROMPT,
    T2V_DEFAULT_SYSTEM_PROMPT,
)
from transformers import (
    Gemma3ImageProcessor,
    Gemma3Processor,
    StoppingCriteria,
    StoppingCriteriaList,
)

from common.contract import JobContext, Phase, Prepared
from common.kinds.video.prompt_help.outcome import helped, unhelped
from common.kinds.video.resolved import ResolvedRequest
from common.runtime.devices import memory_errors
from common.runtime.images import open_image
from ltx2.denoising import Ltx2


class Watched(StoppingCriteria):  # type: ignore[misc]  # untyped base
    """Tells a job of each token, and asks before the next whether it may go on."""

    def __init__(self, context: JobContext, max_new_tokens: int) -> None:
        self._context = context
        self._max = max_new_tokens
        self._written = 0

    def __call__(self, input_ids: torch.Tensor, scores: Any, **kwargs: Any) -> torch.Tensor:
        """Never stops by itself. Raises JobCancelled, JobReleased."""
        del scores, kwargs
        self._written += 1
        self._context.progress(Phase.ENCODING_PROMPT, self._written, self._max)
        self._context.raise_if_cancelled()
        return torch.zeros(len(input_ids), dtype=torch.bool, device=input_ids.device)


def enhanced(model: Ltx2, request: ResolvedRequest, context: JobContext) -> Prepared | None:
    """What Gemma makes of a prompt, drawn by the job's seed; of the picture, too, if it has one.

    As ``LTX2Pipeline.enhance_prompt`` of diffusers, with the authors' system prompts and sampling
    (``enhance_t2v`` and ``enhance_i2v`` in Lightricks/LTX-2, ltx_core/text_encoders/gemma).

    Raises:
        JobCancelled, JobReleased: between two tokens.
        OutOfMemory: it did not fit.
    """
    if not request.awaits_help:
        return None
    context.progress(Phase.ENCODING_PROMPT)
    context.raise_if_cancelled()
    try:
        with memory_errors():
            return helped(_written(_with_processor(model.text_to_video), request, context))
    except ValueError:  # no template for a conversation, or a prompt of the tokenizer's own marks
        return unhelped("the text encoder's tokenizer cannot put it")


def _written(pipeline: LTX2Pipeline, request: ResolvedRequest, context: JobContext) -> str:
    recipe = GEMMA3_PROMPT_ENHANCEMENT_CONFIG
    picture = None if request.image is None else open_image(request.image)
    watched = Watched(context, recipe.max_new_tokens)
    (text,) = pipeline.enhance_prompt(
        request.prompt,
        T2V_DEFAULT_SYSTEM_PROMPT if picture is None else I2V_DEFAULT_SYSTEM_PROMPT,
        max_new_tokens=recipe.max_new_tokens,
        seed=request.seed,
        generation_kwargs={
            **recipe.generation_kwargs,
            "stopping_criteria": StoppingCriteriaList([watched]),
        },
        image=picture,
    )
    return str(text)


def _with_processor(pipeline: LTX2Pipeline) -> LTX2Pipeline:
    """LTX-2.0's repositories list none; what it would be stands in the text encoder's own config.

    Raises:
        ValueError: the tokenizer has no marks for a picture.
    """
    if pipeline.processor is None:
        config, tokenizer = pipeline.text_encoder.config, pipeline.tokenizer
        if getattr(tokenizer, "boi_token", None) is None:
            raise ValueError("the tokenizer is none of Gemma 3")
        side = config.vision_config.image_size
        pictures = Gemma3ImageProcessor(size={"height": side, "width": side})
        pipeline.processor = Gemma3Processor(
            pictures, tokenizer, image_seq_length=config.mm_tokens_per_image
        )
    return pipeline
