"""VACE: a video of which some frames are there already, and pictures of what it shall show.

The model is given a video and a mask, black where a frame is there and white where it is made; a
frame that is made is grey (ali-vilab/VACE, vace/annotators/frameref.py), or what it shall follow:
depth, poses, lines. Text alone is a mask all white. A reference picture is encoded by itself, in
latent frames in front that are thrown away at the end (``vace_encode_frames`` in
vace/models/wan/wan_vace.py).
"""

from dataclasses import dataclass
from typing import Any

import common.runtime.libraries  # noqa: F401

import numpy as np
from numpy.typing import NDArray

from common.kinds.video.resolved import ResolvedRequest
from common.kinds.video.shown import beginning, control, source
from common.runtime.from_video import FRAMES_A_LATENT, kept_latents
from common.runtime.images import load_image, open_image

GREY = 0.5
"""``REF_COLOR`` 127.5 of 255: exactly 0 for the autoencoder."""


@dataclass(frozen=True)
class Conditions:
    """Frames, float32 [T, H, W, 3] in [0, 1], and which of them are there already, bool [T]."""

    frames: NDArray[np.float32]
    kept: NDArray[np.bool_]

    @classmethod
    def none(cls, request: ResolvedRequest) -> "Conditions":
        """All are to be made."""
        count, height, width = request.clip_frames, request.height, request.width
        grey = np.full((count, height, width, 3), GREY, np.float32)
        return cls(grey, np.zeros(count, np.bool_))

    def keep(self, at: slice, pixels: NDArray[np.uint8]) -> None:
        """Frames that are there, uint8 [n, H, W, 3] or one of them for all."""
        self.frames[at] = pixels.astype(np.float32) / 255
        self.kept[at] = True

    def follow(self, pixels: NDArray[np.uint8]) -> None:
        """What frames that are made look like to the model, uint8 [T, H, W, 3]: not grey."""
        self.frames[:] = pixels.astype(np.float32) / 255

    def make(self, which: NDArray[np.bool_]) -> None:
        """Frames that are there no more, by their places [T]."""
        self.frames[which] = GREY
        self.kept[which] = False


def conditions_of(request: ResolvedRequest) -> dict[str, Any]:
    """What ``WanVACEPipeline`` is called with besides words and sizes.

    diffusers 0.42.1 puts each reference picture in front of the one before it; the authors keep
    their order, so that they are handed over from the last to the first.

    Raises:
        OSError: a file is missing.
        InvalidRequest: one cannot be decoded.
    """
    pictures = [open_image(path) for path in reversed(request.reference_images)]
    found: dict[str, Any] = {"reference_images": pictures} if pictures else {}
    given = _conditions(request)
    if given.kept.any() or request.follows:
        mask = np.broadcast_to(~given.kept[:, None, None, None], given.frames.shape)
        found |= {"video": given.frames[None], "mask": mask[None].astype(np.float32)}
    return found


def _conditions(request: ResolvedRequest) -> Conditions:
    found = Conditions.none(request)
    if (anew := source(request)) is not None:
        found.keep(slice(None), anew)
        found.make(_made(request))
    elif (first := beginning(request)) is not None:
        found.keep(slice(len(first)), first)
    elif (moves := control(request)) is not None:
        found.follow(moves)
    if request.last_image is not None:
        last = load_image(request.last_image, request.width, request.height)
        found.keep(slice(-1, None), last)
    return found


def _made(request: ResolvedRequest) -> NDArray[np.bool_]:
    """Frames of a retake that are made anew, bool [T]: whole latents, or the mask might miss some.

    It is looked at once in four frames (``vace_encode_masks``), and not always in the latent's own.
    """
    latents = (request.num_frames - 1) // FRAMES_A_LATENT + 1
    span = request.retake_from, request.retake_to
    each = [1] + [FRAMES_A_LATENT] * (latents - 1)
    return np.repeat(~kept_latents(latents, span).numpy(), each)
