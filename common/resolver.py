"""Turns what a client asked for into what the model can make. Pure, and never silent.

Inside the checkpoint's range values are snapped to the nearest legal ones and reported as
adjustments. Outside it, or where the aspect would change by more than 5 %, the request is
refused with the field, the limit and the nearest legal value.
"""

import math
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from common.contract import Capability, Defaults, Limits, ModelSpec, Variant
from common.errors import InvalidRequest, Unresolvable
from common.requests import Adjustment, GenerateRequest, ResolvedRequest

_T = TypeVar("_T")

MAX_ASPECT_CHANGE = 0.05
SEED_RANGE = 2**32
"""Drawn seeds stay below 32 bits: easy to read, and exact in every JSON reader."""


@dataclass(frozen=True)
class Resolution:
    """A resolved request, and what had to be changed to get there."""

    request: ResolvedRequest
    adjustments: tuple[Adjustment, ...]


@dataclass(frozen=True)
class Picture:
    """What is known of an uploaded image before the job: the stored file's name, and its size."""

    name: str
    width: int
    height: int


@dataclass
class _Report:
    adjustments: list[Adjustment] = field(default_factory=list)

    def note(self, name: str, asked: str | float, got: str | float, reason: str) -> None:
        if asked != got:
            change = Adjustment(field=name, requested=asked, resolved=got, reason=reason)
            self.adjustments.append(change)


def resolve(
    request: GenerateRequest, spec: ModelSpec, variant: Variant, picture: Picture | None = None
) -> Resolution:
    """Answer what ``variant`` makes of ``request``.

    Raises:
        Unresolvable: a field is outside what the checkpoint can do.
        InvalidRequest: ``options`` do not fit the model's own options.
    """
    limits, defaults, report = variant.limits, variant.defaults, _Report()
    _check_picture(variant, picture)
    width, height = _size(request, limits, defaults, picture, report)
    fps = _fps(request, limits, defaults, report)
    resolved = ResolvedRequest(
        prompt=request.prompt,
        negative_prompt=_or(request.negative_prompt, defaults.negative_prompt),
        width=width,
        height=height,
        num_frames=_num_frames(request, limits, defaults, fps, report),
        fps=fps,
        seed=_or(request.seed, secrets.randbelow(SEED_RANGE)),
        num_inference_steps=_steps(request, limits, defaults),
        guidance_scale=_guidance_scale(request, limits, defaults),
        generate_audio=_generate_audio(request, variant),
        image=Path(picture.name) if picture else None,
        options=_options(request, spec),
    )
    return Resolution(resolved, tuple(report.adjustments))


def _or(value: _T | None, default: _T) -> _T:
    return default if value is None else value


def _check_picture(variant: Variant, picture: Picture | None) -> None:
    if picture and Capability.IMAGE_TO_VIDEO not in variant.capabilities:
        raise Unresolvable(
            f"{variant.checkpoint} makes video from text only.",
            param="image",
            hint="Leave the image out, or run the service with an image-to-video checkpoint.",
        )
    if not picture and Capability.TEXT_TO_VIDEO not in variant.capabilities:
        raise Unresolvable(
            f"{variant.checkpoint} starts from a picture, and none was given.",
            param="image",
            hint="Send image (base64), or upload it as the multipart field image.",
        )


def _size(
    request: GenerateRequest,
    limits: Limits,
    defaults: Defaults,
    picture: Picture | None,
    report: _Report,
) -> tuple[int, int]:
    if request.resolution is None:
        return _default_size(limits, defaults, picture)
    width, height = map(int, request.resolution.split("x"))
    nearest = _nearest_size(width, height, limits)
    legal = f"{nearest[0]}x{nearest[1]}"
    if not _size_allowed(width, height, limits):
        raise Unresolvable(
            f"resolution {request.resolution} is out of range: sides from {limits.min_side} to "
            f"{limits.max_side} pixels, {limits.max_pixels:,} pixels in all at most.",
            param="resolution",
            hint=f"The nearest this model can make is {legal}.",
        )
    if _aspect_change((width, height), nearest) > MAX_ASPECT_CHANGE:
        raise Unresolvable(
            f"resolution {request.resolution} would become {legal} (sides are multiples of "
            f"{limits.size_multiple}), which changes the aspect by more than 5 %.",
            param="resolution",
            hint=f"Ask for {legal}.",
        )
    reason = f"sides are multiples of {limits.size_multiple}"
    report.note("resolution", request.resolution, legal, reason)
    return nearest


def _default_size(limits: Limits, defaults: Defaults, picture: Picture | None) -> tuple[int, int]:
    """The default size; for a picture, its own aspect over the default's area."""
    if picture is None:
        return defaults.width, defaults.height
    scale = math.sqrt(defaults.width * defaults.height / (picture.width * picture.height))
    nearest = _nearest_size(picture.width * scale, picture.height * scale, limits)
    if _aspect_change((picture.width, picture.height), nearest) > 2 * MAX_ASPECT_CHANGE:
        raise Unresolvable(
            f"the picture is {picture.width}x{picture.height}: too long and thin for this model.",
            param="image",
            hint=f"Crop it, or give a resolution such as {defaults.width}x{defaults.height}.",
        )
    return nearest


def _size_allowed(width: int, height: int, limits: Limits) -> bool:
    """Judge the size as asked; a multiple's rounding may step over the pixel limit by a little."""
    sides = limits.min_side <= min(width, height) and max(width, height) <= limits.max_side
    return sides and width * height <= limits.max_pixels


def _nearest_size(width: float, height: float, limits: Limits) -> tuple[int, int]:
    """The legal size nearest in shape, shrunk to the pixel limit where it must be."""
    shrink = min(1.0, math.sqrt(limits.max_pixels / (width * height)))
    low, high = limits.min_side, limits.max_side
    sides = [min(max(side * shrink, low), high) for side in (width, height)]
    nearest = [_round_to(side, limits.size_multiple) for side in sides]
    return nearest[0], nearest[1]


def _round_to(side: float, multiple: int) -> int:
    return max(multiple, math.floor(side / multiple + 0.5) * multiple)


def _aspect_change(asked: tuple[int, int], got: tuple[int, int]) -> float:
    ratio = (got[0] * asked[1]) / (got[1] * asked[0])
    return max(ratio, 1 / ratio) - 1


def _fps(request: GenerateRequest, limits: Limits, defaults: Defaults, report: _Report) -> float:
    asked = _or(request.fps, defaults.fps)
    if not limits.min_fps <= asked <= limits.max_fps:
        raise Unresolvable(
            f"fps {asked:g} is out of range: {limits.min_fps:g} to {limits.max_fps:g}.",
            param="fps",
            hint=f"Ask for {min(max(asked, limits.min_fps), limits.max_fps):g}.",
        )
    fps = _or(limits.fixed_fps, asked)
    report.note("fps", asked, fps, f"this model always makes {fps:g} frames a second")
    return fps


def _num_frames(
    request: GenerateRequest, limits: Limits, defaults: Defaults, fps: float, report: _Report
) -> int:
    if request.duration is None and request.num_frames is None:
        return defaults.num_frames
    asked = _or(request.num_frames, round(_or(request.duration, 0.0) * fps))
    name = "num_frames" if request.duration is None else "duration"
    step = limits.frames_step
    # Half a step beyond either end still rounds to a legal count: that is inside the range.
    if not limits.min_frames - step / 2 <= asked <= limits.max_frames + step / 2:
        raise _length_refused(name, request, limits, fps)
    legal = math.floor((asked - 1) / step + 0.5) * step + 1
    num_frames = min(max(legal, limits.min_frames), limits.max_frames)
    reason = f"frame counts are {step}n+1" + (f" at {fps:g} fps" if name == "duration" else "")
    if name == "duration":
        report.note(name, _or(request.duration, 0.0), round(num_frames / fps, 3), reason)
    else:
        report.note(name, asked, num_frames, reason)
    return num_frames


def _length_refused(
    name: str, request: GenerateRequest, limits: Limits, fps: float
) -> Unresolvable:
    low, high = limits.min_frames, limits.max_frames
    asked = request.duration if name == "duration" else request.num_frames
    short = asked is not None and asked * (fps if name == "duration" else 1) < low
    nearest = low if short else high
    value = f"{nearest / fps:.2f}" if name == "duration" else f"{nearest}"
    return Unresolvable(
        f"{name} {asked:g} is out of range: {low} to {high} frames, "
        f"{low / fps:.2f} to {high / fps:.2f} seconds at {fps:g} fps.",
        param=name,
        hint=f"Ask for {value}.",
    )


def _steps(request: GenerateRequest, limits: Limits, defaults: Defaults) -> int:
    steps = _or(request.num_inference_steps, defaults.num_inference_steps)
    if steps > limits.max_steps:
        raise Unresolvable(
            f"num_inference_steps {steps} is out of range: 1 to {limits.max_steps}.",
            param="num_inference_steps",
            hint=f"Ask for {limits.max_steps}; {defaults.num_inference_steps} is the default.",
        )
    return steps


def _guidance_scale(request: GenerateRequest, limits: Limits, defaults: Defaults) -> float:
    scale = _or(request.guidance_scale, defaults.guidance_scale)
    if scale > limits.max_guidance_scale:
        raise Unresolvable(
            f"guidance_scale {scale:g} is out of range: 0 to {limits.max_guidance_scale:g}.",
            param="guidance_scale",
            hint=f"Ask for {limits.max_guidance_scale:g} at most; "
            f"{defaults.guidance_scale:g} is the default.",
        )
    return scale


def _generate_audio(request: GenerateRequest, variant: Variant) -> bool:
    can = Capability.AUDIO in variant.capabilities
    if request.generate_audio and not can:
        raise Unresolvable(
            f"{variant.checkpoint} makes no sound.",
            param="generate_audio",
            hint="Leave generate_audio out, or use a service whose /info lists audio.",
        )
    return _or(request.generate_audio, can)


def _options(request: GenerateRequest, spec: ModelSpec) -> dict[str, object]:
    try:
        return spec.options(**request.options).model_dump(mode="json")
    except ValidationError as exc:
        first = exc.errors()[0]
        path = ".".join(map(str, ("options", *first["loc"])))
        known = ", ".join(spec.options.model_fields) or "none"
        raise InvalidRequest(
            f"{path}: {first['msg']}.", param=path, hint=f"The options of {spec.id}: {known}."
        ) from exc
