"""Samples from a video that is there: all of it made anew by a strength, or a span of it alone.

For Wan's latents: the first frame is one of its own, each further one stands for four frames.
"""

from dataclasses import dataclass
from typing import Any

import common.runtime.libraries  # noqa: F401

import numpy as np
import torch
from diffusers.utils.torch_utils import randn_tensor
from numpy.typing import NDArray

from common.runtime.sampling import StepCallback

FRAMES_A_LATENT = 4


@dataclass(frozen=True)
class Source:
    """The video, uint8 [T, H, W, 3], and what of it is made anew."""

    frames: NDArray[np.uint8]
    span: tuple[int, int] | None = None
    """The first frame that is made, and the one behind the last; None: all are."""


class SkipsSteps:
    """A scheduler whose sampling leaves out its first steps."""

    skipped_steps = 0
    timesteps: torch.Tensor
    sigmas: torch.Tensor

    def skip_steps(self) -> None:
        """At the end of ``set_timesteps``."""
        self.timesteps = self.timesteps[self.skipped_steps :]
        self.sigmas = self.sigmas[self.skipped_steps :]


def start_from(
    pipeline: Any,
    source: Source,
    *,
    num_inference_steps: int,
    taken: int,
    generator: torch.Generator,
    callback: StepCallback,
) -> dict[str, Any]:
    """Arguments of a Wan pipeline's call that begin with a video instead of noise alone.

    Args:
        pipeline: its scheduler is one that ``SkipsSteps``, and this request's own.
        source: the video.
        num_inference_steps: of the whole schedule.
        taken: how many of them are, the last ones; fewer where a video is made anew.
        generator: of the noise.
        callback: of the steps' ends.
    """
    scheduler, clean = pipeline.scheduler, encode(pipeline.vae, source.frames)
    noise = randn_tensor(clean.shape, generator=generator, device=clean.device, dtype=clean.dtype)
    if source.span is not None:
        return {
            "latents": noise,
            "callback_on_step_end": _keeping(clean, noise, source.span, callback),
        }
    scheduler.skipped_steps = num_inference_steps - taken
    scheduler.set_timesteps(num_inference_steps, device=clean.device)
    latents = noised(clean, noise, float(scheduler.sigmas[0]))
    return {"latents": latents, "callback_on_step_end": callback}


@torch.no_grad()
def encode(vae: Any, frames: NDArray[np.uint8]) -> torch.Tensor:
    """Normalised latents, float32 [1, C, (T - 1) / 4 + 1, H', W'], of frames [T, H, W, 3]."""
    pixels = torch.from_numpy(frames).permute(3, 0, 1, 2)[None].to(vae.device, torch.float32)
    latents = vae.encode((pixels / 127.5 - 1).to(vae.dtype)).latent_dist.mode().float()
    mean, std = (
        torch.tensor(values, device=latents.device).view(1, -1, 1, 1, 1)
        for values in (vae.config.latents_mean, vae.config.latents_std)
    )
    normalised: torch.Tensor = (latents - mean) / std
    return normalised


def noised(clean: torch.Tensor, noise: torch.Tensor, sigma: float) -> torch.Tensor:
    """Flow matching's way from a video to noise, at ``sigma`` of it."""
    return (1 - sigma) * clean + sigma * noise


def kept_latents(
    num_latents: int, span: tuple[int, int], frames: int = FRAMES_A_LATENT
) -> torch.Tensor:
    """Which latent frames stay, bool [num_latents]: those that show nothing of the span.

    The first latent is one frame, each other one ``frames`` of them.
    """
    first, last = (0 if at == 0 else (at - 1) // frames + 1 for at in (span[0], span[1] - 1))
    index = torch.arange(num_latents)
    return (index < first) | (index > last)


def _keeping(
    clean: torch.Tensor, noise: torch.Tensor, span: tuple[int, int], callback: StepCallback
) -> StepCallback:
    """After each step what is kept is put back, at the noise level of the next one."""
    kept = kept_latents(clean.shape[2], span).to(clean.device)

    def on_step_end(
        pipeline: Any, step: int, timestep: Any, tensors: dict[str, Any]
    ) -> dict[str, Any]:
        own = noised(clean, noise, float(pipeline.scheduler.sigmas[step + 1]))
        latents = tensors["latents"]
        tensors["latents"] = torch.where(kept.view(1, 1, -1, 1, 1), own.to(latents), latents)
        return callback(pipeline, step, timestep, tensors)

    return on_step_end
