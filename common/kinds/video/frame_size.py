"""Which picture size a model makes for the one that was asked for."""

import math
from contextlib import suppress
from dataclasses import dataclass
from typing import ClassVar

from common.base.errors import Unresolvable
from common.kinds.video.variants import Defaults, Limits

MAX_ASPECT_CHANGE = 0.05


@dataclass(frozen=True)
class Picture:
    """What is known of an uploaded image before the job: the stored file's name, and its size."""

    field: ClassVar[str] = "image"
    """Of the request: where it came in."""
    told_apart: ClassVar[bool] = False
    keeps_size: ClassVar[bool] = False
    """Whether what is made of it has its very size, where the model can make that."""
    name: str
    width: int
    height: int

    @property
    def param(self) -> str:
        """Where it stands in the request, for errors and adjustments."""
        return self.field


@dataclass(frozen=True)
class LastPicture(Picture):
    """The one that a video ends with."""

    field: ClassVar[str] = "last_image"
    told_apart: ClassVar[bool] = True


@dataclass(frozen=True)
class KeyPicture(Picture):
    """One that a frame of the video shows; ``index`` is its place in the list."""

    field: ClassVar[str] = "keyframes"
    told_apart: ClassVar[bool] = True
    index: int
    frame: int
    strength: float

    @property
    def param(self) -> str:
        return f"{self.field}.{self.index}"


@dataclass(frozen=True)
class ReferencePicture(Picture):
    """One of somebody or something that the video shows; ``index`` is its place in the list."""

    field: ClassVar[str] = "reference_images"
    told_apart: ClassVar[bool] = True
    index: int

    @property
    def param(self) -> str:
        return f"{self.field}.{self.index}"


def legal_size(resolution: str, limits: Limits) -> tuple[int, int]:
    """The nearest (width, height) in pixels to ``resolution``, as in "1024x576".

    Raises:
        Unresolvable: out of range, or the aspect would change by more than 5 %.
    """
    width, height = map(int, resolution.split("x"))
    nearest = _nearest_size(width, height, limits)
    legal = f"{nearest[0]}x{nearest[1]}"
    if not _size_allowed(width, height, limits):
        raise Unresolvable(
            f"resolution {resolution} is out of range: sides from {limits.min_side} to "
            f"{limits.max_side} pixels, {limits.max_pixels:,} pixels in all at most.",
            param="resolution",
            hint=f"The nearest this model can make is {legal}.",
        )
    if aspect_change((width, height), nearest) > MAX_ASPECT_CHANGE:
        raise Unresolvable(
            f"resolution {resolution} would become {legal} (sides are multiples of "
            f"{limits.size_multiple}), which changes the aspect by more than 5 %.",
            param="resolution",
            hint=f"Ask for {legal}.",
        )
    return nearest


def default_size(limits: Limits, defaults: Defaults, picture: Picture | None) -> tuple[int, int]:
    """The default size; for a picture, its own aspect over the default's area.

    Raises:
        Unresolvable: it is too long and thin.
    """
    if picture is None:
        return defaults.width, defaults.height
    if picture.keeps_size:
        with suppress(Unresolvable):
            return legal_size(f"{picture.width}x{picture.height}", limits)
    scale = math.sqrt(defaults.width * defaults.height / (picture.width * picture.height))
    width, height = picture.width * scale, picture.height * scale
    nearest = _nearest_size(width, height, limits)
    if nearest[0] * nearest[1] > limits.max_pixels:
        half = limits.size_multiple / 2  # round down instead, as Wan's own code does
        nearest = _nearest_size(width - half, height - half, limits)
    if aspect_change((picture.width, picture.height), nearest) > 2 * MAX_ASPECT_CHANGE:
        raise Unresolvable(
            f"the {picture.param} is {picture.width}x{picture.height}: too long and thin for this"
            " model.",
            param=picture.param,
            hint=f"Crop it, or give a resolution such as {defaults.width}x{defaults.height}.",
        )
    return nearest


def _size_allowed(width: int, height: int, limits: Limits) -> bool:
    """Judge the size as asked; a multiple's rounding may step over the pixel limit by a little."""
    sides = limits.min_side <= min(width, height) and max(width, height) <= limits.max_side
    return sides and width * height <= limits.max_pixels


def _nearest_size(width: float, height: float, limits: Limits) -> tuple[int, int]:
    """The legal size nearest in shape, shrunk to the limits where it must be."""
    low, high = limits.min_side, limits.max_side
    area = math.sqrt(limits.max_pixels / (width * height))
    shrink = min(1.0, area, high / max(width, height))
    sides = [min(max(side * shrink, low), high) for side in (width, height)]
    nearest = [_round_to(side, limits.size_multiple) for side in sides]
    return nearest[0], nearest[1]


def _round_to(side: float, multiple: int) -> int:
    return max(multiple, math.floor(side / multiple + 0.5) * multiple)


def aspect_change(asked: tuple[int, int], got: tuple[int, int]) -> float:
    """How much longer or taller, as a share: 0.05 is 5 %."""
    ratio = (got[0] * asked[1]) / (got[1] * asked[0])
    return max(ratio, 1 / ratio) - 1
