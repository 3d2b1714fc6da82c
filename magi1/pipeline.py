"""Runs MAGI-1 one chunk of 24 frames after the other: from text, a picture, or a video's beginning.

A chunk is decoded and handed out as soon as it is clean, while later ones are still noise. So a
video can be as long as one likes: what is in memory is the window, not the video.

A video that is continued comes first in the result, as the autoencoder gives it back. Officially
only what is new is written, and decoded apart from what was given: after 32 frames that leaves four
latent frames in a chunk, a tile of three and a single one, which becomes one frame instead of four.
Here every chunk is decoded whole, so that no frame is missing.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from common.contract import JobContext, LoadOptions, Phase
from common.kinds.video import VideoClip
from common.kinds.video.resolved import ResolvedRequest
from common.kinds.video.shown import beginning
from common.runtime.acceleration import refuse_group_offload
from common.runtime.devices import compute_dtype, memory_errors, pick_device
from common.runtime.load_components import load_components
from common.runtime.sampling import to_uint8
from magi1.checkpoint import transformer_component
from magi1.configuration import SamplingConfig, find_config
from magi1.options import Magi1Options
from magi1.precision import keep_rules
from magi1.progress import StepCounter
from magi1.sampler import Captions, MagiSampler, seeded_noise
from magi1.special_tokens import DURATION, Prompt, SpecialTokens, in_order
from magi1.text import TextEncoder, load_tokenizer, text_encoder_component
from magi1.transformer import MagiTransformer3DModel
from magi1.vae import AutoencoderKLMagi
from magi1.vae_checkpoint import load_vae

TEXT_ENCODER = Path("t5", "t5-v1_1-xxl")
VAE = Path("vae")
SPECIAL_TOKENS = Path("special_tokens.npz")
"""Where the parts are, below ``ckpt`` of the hub's repository. The special tokens are not in it:
they come from SandAI-org/MAGI-1, example/assets, and are put there by the download."""

ATTENTION_BACKEND = "native"
"""Attention here is torch's own, whatever is set for the models of diffusers."""

_STYLES = {"3d": "THREE_D_MODEL_TOKEN", "anime": "TWO_D_ANIME_TOKEN"}
_BEGINNINGS = {"static": "STATIC_FIRST_FRAMES_TOKEN", "dynamic": "DYNAMIC_FIRST_FRAMES_TOKEN"}


@dataclass(frozen=True)
class MagiPipeline:
    """A loaded model and everything around it."""

    transformer: MagiTransformer3DModel
    sampling: SamplingConfig
    vae: AutoencoderKLMagi
    text_encoder: TextEncoder
    tokens: SpecialTokens


def load(checkpoint: Path, options: LoadOptions) -> MagiPipeline:
    """Load ``ckpt/magi/<variant>`` of the hub's repository, and the parts beside it.

    Raises:
        CheckpointError: a part is missing, damaged, or of another model.
        InvalidRequest: ``options.device`` does not exist, or cannot run the scheme.
        OutOfMemory: the weights did not fit.
        SettingsError: group offload is on.
    """
    refuse_group_offload(options)
    device = pick_device(options.device)
    parts, config = checkpoint.parents[1], find_config(checkpoint)
    geometry = config.transformer
    tokens = SpecialTokens.read(parts / SPECIAL_TOKENS)
    tokenizer = load_tokenizer(parts / TEXT_ENCODER)
    components = [
        transformer_component(checkpoint, config),
        text_encoder_component(parts / TEXT_ENCODER),
    ]
    with memory_errors():
        # The small parts first: what is missing is told before minutes of reading.
        dtype = compute_dtype(device, options.compute_dtype)
        vae = load_vae(parts / VAE, device=device, dtype=dtype)
        loaded = load_components(components, options, keep=keep_rules(geometry.num_layers))
    loaded.tell(options, ATTENTION_BACKEND, [vae])
    models: Mapping[str, Any] = loaded.models
    encoder = TextEncoder(tokenizer, models["text_encoder"], geometry.caption_max_length)
    return MagiPipeline(models["transformer"], config.sampling, vae, encoder, tokens)


def generate(pipeline: MagiPipeline, request: ResolvedRequest, context: JobContext) -> VideoClip:
    """Read the prompt and the picture or video now; denoise and decode as the frames are drawn.

    Raises:
        OutOfMemory: here, or while frames are drawn.
        InvalidRequest: the video's beginning cannot be decoded.
    """
    context.progress(Phase.ENCODING_PROMPT)
    context.raise_if_cancelled()
    with memory_errors(), torch.no_grad():
        sampler = _sampler(pipeline, request)
    return VideoClip(
        frames=_frames(pipeline, sampler, context),
        num_frames=sampler.schedule.num_chunks
        * pipeline.vae.num_frames_of(pipeline.sampling.chunk_width),
        width=request.width,
        height=request.height,
        fps=request.fps,
    )


def _sampler(pipeline: MagiPipeline, request: ResolvedRequest) -> MagiSampler:
    config = sampling_for(pipeline.sampling, request)
    factor = pipeline.vae.config.patch_size
    size = (config.chunk_width, request.height // factor, request.width // factor)
    return MagiSampler(
        pipeline.transformer,
        config,
        num_chunks=num_chunks_of(pipeline, request),
        noise=seeded_noise(request.seed, (1, pipeline.vae.config.latent_channels, *size)),
        captions=_captions(pipeline, Magi1Options(**request.options), request.prompt),
        prefix=_prefix(pipeline, request),
    )


def num_chunks_of(pipeline: MagiPipeline, request: ResolvedRequest) -> int:
    """Chunks of the whole video, one that is continued included.

    A picture is the first latent frame of the first chunk.

    The official code appends the picture's frame, and with it a chunk more than was asked for.
    """
    frames = int(pipeline.vae.config.patch_frames) * pipeline.sampling.chunk_width
    return math.ceil(request.clip_frames / frames)


def sampling_for(config: SamplingConfig, request: ResolvedRequest) -> SamplingConfig:
    """The checkpoint's sampling with a request's steps and guidance.

    ``guidance_scale`` is the text's; at nearly clean times it stays off, as it is officially.
    """
    strongest = max(config.text_scales)
    scales = tuple(scale / strongest * request.guidance_scale for scale in config.text_scales)
    return replace(config, num_inference_steps=request.num_inference_steps, text_scales=scales)


def _captions(pipeline: MagiPipeline, options: Magi1Options, prompt: str) -> Captions:
    """Each different text is encoded once."""
    texts = [text.strip() or prompt for text in options.chunk_prompts] or [prompt]
    encoded = {text: _prompt(pipeline.text_encoder, text) for text in dict.fromkeys(texts)}
    return Captions(
        prompts=[encoded[text] for text in texts],
        tokens=pipeline.tokens,
        names=token_names(options),
        negative=options.avoid_overlays,
    )


def _prompt(encoder: TextEncoder, text: str) -> Prompt:
    caption = encoder.encode(text)
    return Prompt(caption.embeds[0], caption.mask[0])


def token_names(options: Magi1Options) -> tuple[str, ...]:
    """The special tokens that a request asks for, in the official order."""
    names = [
        _BEGINNINGS.get(options.first_frames or ""),
        "HQ_TOKEN" if options.high_quality else None,
        _STYLES.get(options.style or ""),
        DURATION if options.count_down else None,
    ]
    return in_order([name for name in names if name])


def _prefix(pipeline: MagiPipeline, request: ResolvedRequest) -> torch.Tensor | None:
    """Latents of the picture or of the video's beginning, [1, 16, t, height / 8, width / 8]."""
    frames = beginning(request)
    return None if frames is None else encode_prefix(pipeline.vae, frames)


@torch.no_grad()
def encode_prefix(vae: AutoencoderKLMagi, frames: NDArray[np.uint8]) -> torch.Tensor:
    """What a video begins with, as the transformer's latents: float32 [1, 16, t, H / 8, W / 8].

    Source: ``encode_prefix_video`` in SandAI-org/MAGI-1, inference/pipeline/video_process.py.

    Args:
        vae: the autoencoder.
        frames: uint8 of shape [T, H, W, 3]; one is a picture, else their number is a multiple
            of 4.
    """
    pixels = torch.from_numpy(frames).permute(3, 0, 1, 2)[None]
    video = pixels.to(vae.device, torch.float32) / 127.5 - 1
    latents: torch.Tensor = vae.encode(video.to(vae.dtype)).latent_dist.mode().float()
    return latents * float(vae.config.scaling_factor)


@torch.no_grad()
def _frames(
    pipeline: MagiPipeline, sampler: MagiSampler, context: JobContext
) -> Iterator[NDArray[np.uint8]]:
    """Yield uint8 chunks [24, H, W, 3]."""
    with memory_errors():
        done = StepCounter(context, sampler.schedule.num_chunks)
        for latents in sampler.whole_chunks(done.on_call):
            frames = _decode(pipeline.vae, latents)
            done.chunk_finished(frames)
            yield frames


def _decode(vae: AutoencoderKLMagi, latents: torch.Tensor) -> NDArray[np.uint8]:
    scaled = latents / float(vae.config.scaling_factor)
    return to_uint8(vae.decode(scaled.to(vae.dtype)).sample)
