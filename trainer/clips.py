"""Reads the clips of an archive, and turns them into latents."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import common.runtime.libraries  # noqa: F401

import numpy as np
import torch

from common.media.clip import VideoInput
from common.media.videos import VideoLimits, inspect_video
from common.runtime.images import load_image
from common.runtime.videos import load_video
from trainer.archive import Archive, Clip
from trainer.requests import ResolvedTraining

if TYPE_CHECKING:
    from numpy.typing import NDArray

FRAMES_A_LATENT = 4
"""After a first one of its own."""
_MAX_BYTES = 2**40
_LIMITS = VideoLimits(max_pixels=2**26, max_seconds=2**20)
"""The operator's own were held when the archive was accepted."""


def encoded(
    vae: Any, request: ResolvedTraining, look: Callable[[], None]
) -> Iterator[tuple[torch.Tensor, str]]:
    """Each clip's normalised latents [1, C, T', H', W'] in float32, and its caption.

    ``look`` is called before each. Raises what it raises, and InvalidRequest for a clip that cannot
    be read any more.
    """
    assert request.clips is not None  # noqa: S101  # the intake refuses a training without
    with request.clips.open("rb") as file:
        archive = Archive(file, _MAX_BYTES)
        for clip in archive.clips():
            look()
            yield _latents(vae, _frames(archive, clip, request)), clip.caption


def _frames(archive: Archive, clip: Clip, request: ResolvedTraining) -> "NDArray[np.uint8]":
    """RGB uint8 [T, height, width, 3]."""
    width, height = request.width, request.height
    with archive.opened(clip.name) as file:
        path = Path(f"/proc/self/fd/{file.fileno()}")
        if not clip.moves:
            return load_image(path, width, height)[None]
        wanted = VideoInput(request.fps, 1, request.num_frames, 1)
        there = inspect_video(file.fileno(), _LIMITS, wanted).num_frames
        whole = (there - 1) // FRAMES_A_LATENT * FRAMES_A_LATENT + 1
        return load_video(path, num_frames=whole, width=width, height=height, fps=request.fps)


@torch.no_grad()
def _latents(vae: Any, frames: "NDArray[np.uint8]") -> torch.Tensor:
    """As the transformer sees them: each channel less its mean, over its deviation."""
    pixels = torch.from_numpy(frames).permute(3, 0, 1, 2)[None].to(vae.device).to(vae.dtype)
    latents = vae.encode(pixels / 127.5 - 1).latent_dist.mode().float()
    mean, std = (
        torch.tensor(values, device=latents.device).view(1, -1, 1, 1, 1)
        for values in (vae.config.latents_mean, vae.config.latents_std)
    )
    normalised: torch.Tensor = (latents - mean) / std
    return normalised
