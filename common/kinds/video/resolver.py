"""Turns what a client asked for into what the model can make. Pure, and never silent.

Inside the checkpoint's range values are snapped to the nearest legal ones and reported as
adjustments. Outside it, or where the aspect would change by more than 5 %, the request is
refused with the field, the limit and the nearest legal value.
"""

import math
import secrets
from collections.abc import Sequence
from functools import partial
from typing import Any, TypeVar

from pydantic import ValidationError

from common.base.errors import InvalidRequest, Unresolvable
from common.contract import Resolution
from common.contract.words_of_errors import first_of, path_of, words_of
from common.kinds.video.beginnings import (
    Beginning,
    changes_of_all,
    check_beginning,
    default_fps,
    limits_after,
    resolved_beginning,
)
from common.kinds.video.frame_size import (
    KeyPicture,
    LastPicture,
    Picture,
    ReferencePicture,
    default_size,
    legal_size,
)
from common.kinds.video.keyframes import resolved_pictures
from common.kinds.video.options import VideoOptions
from common.kinds.video.presets import chosen_preset
from common.kinds.video.prompt_help.outcome import check_prompt_help
from common.kinds.video.report import Report
from common.kinds.video.requests import GenerateRequest
from common.kinds.video.resolved import ResolvedRequest
from common.kinds.video.step_cache import check_cached
from common.kinds.video.two_stages import Offer, decided
from common.kinds.video.variants import Capability, Defaults, Limits, Preset, VideoVariant

_T = TypeVar("_T")
_N = TypeVar("_N", int, float)

SEED_RANGE = 2**32
"""Drawn seeds stay below 32 bits: easy to read, and exact in every JSON reader."""


def resolve(
    request: GenerateRequest,
    model: str,
    own: type[VideoOptions],
    variant: VideoVariant,
    beginning: Beginning = None,
    last: LastPicture | None = None,
    keys: Sequence[KeyPicture] = (),
    references: Sequence[ReferencePicture] = (),
    offered: Offer | None = None,
) -> Resolution:
    """Answer what ``variant`` makes of ``request``; ``own`` are the options of ``model``.

    Raises:
        Unresolvable: a field is outside what the checkpoint can do.
        InvalidRequest: ``options`` do not fit the model's own options.
    """
    preset = chosen_preset(request.preset, variant)
    options, report = _options(request, model, own, preset), Report.of(variant)
    defaults = options.adjusted(preset.applied(variant.defaults))
    check_beginning(variant, beginning, last, keys, references)
    _check_prompts(request, variant)
    shown = [each for each in (beginning, last, *keys) if each]
    size = partial(_size, request, defaults, shown[0] if shown else None)
    second, (width, height) = decided(request, variant, beginning, offered, size, report)
    fps = _fps(request, variant.limits, default_fps(beginning, variant.limits, defaults), report)
    report.adjustments += changes_of_all(shown, (width, height), fps)
    limits = limits_after(beginning, variant.limits, fps)
    num_frames = _num_frames(request, limits, defaults, fps, report)
    steps, guidance = _steps(request, limits, defaults), _guidance(request, limits, defaults)
    options = options.settled(variant, guidance_scale=guidance, num_inference_steps=steps)
    resolved = ResolvedRequest(
        **_prompts(request, defaults),
        width=width,
        height=height,
        num_frames=num_frames,
        fps=fps,
        seed=_or(request.seed, secrets.randbelow(SEED_RANGE)),
        num_inference_steps=steps,
        guidance_scale=guidance,
        generate_audio=_generate_audio(request, variant),
        **resolved_beginning(beginning, variant.limits, fps, num_frames),
        **resolved_pictures(beginning, last, keys, references, num_frames),
        options=options.model_dump(mode="json"),
        enhance_prompt=request.enhance_prompt,
        preset=request.preset,
        second_stage=second,
        **request.resolved(width, height, fps),
    )
    check_cached(resolved)
    return Resolution(resolved, tuple(report.adjustments))


def _or(value: _T | None, default: _T) -> _T:
    return default if value is None else value


def _prompts(request: GenerateRequest, defaults: Defaults) -> dict[str, Any]:
    negative = _or(request.negative_prompt, defaults.negative_prompt)
    return {"prompt": request.prompt or "", "negative_prompt": negative}


def _check_prompts(request: GenerateRequest, variant: VideoVariant) -> None:
    if request.negative_prompt and not variant.limits.takes_negative_prompt:
        raise Unresolvable(
            f"{variant.name} has no use for a negative prompt.",
            param="negative_prompt",
            hint="Leave it out, and say in the prompt what the video shall show.",
        )
    check_prompt_help(request, variant)


def _size(
    request: GenerateRequest, defaults: Defaults, picture: Picture | None, limits: Limits
) -> tuple[int, int]:
    if request.resolution is None:
        return default_size(limits, defaults, picture)
    return legal_size(request.resolution, limits)


def _fps(request: GenerateRequest, limits: Limits, usual: float, report: Report) -> float:
    asked = _or(request.fps, usual)
    if not limits.min_fps <= asked <= limits.max_fps:
        raise Unresolvable(
            f"fps {asked:g} is out of range: {limits.min_fps:g} to {limits.max_fps:g}.",
            param="fps",
            hint=f"Ask for {min(max(asked, limits.min_fps), limits.max_fps):g}.",
        )
    fps = _or(limits.fixed_fps, asked)
    if request.fps is not None:
        report.note("fps", asked, fps, f"this model always makes {fps:g} frames a second")
    return fps


def _num_frames(
    request: GenerateRequest, limits: Limits, defaults: Defaults, fps: float, report: Report
) -> int:
    if request.duration is None and request.num_frames is None:
        wanted = max(_nearest_frames(defaults.num_frames, limits), limits.min_frames)
        return min(wanted, _max_frames(limits, fps))
    asked = _or(request.num_frames, round(_or(request.duration, 0.0) * fps))
    name = "num_frames" if request.duration is None else "duration"
    step, low, high = limits.frames_step, limits.min_frames, _max_frames(limits, fps)
    # Half a step beyond either end still rounds to a legal count: that is inside the range.
    if not low - step / 2 <= asked <= high + step / 2:
        raise _length_refused(name, low if asked < low else high, (low, high), fps)
    num_frames = min(max(_nearest_frames(asked, limits), low), high)
    offset = f"{step}n+{limits.frames_offset}"
    reason = f"frame counts are {offset if limits.frames_offset else f'multiples of {step}'}"
    if request.duration is None:
        report.note(name, asked, num_frames, reason)
    else:
        seconds = round(num_frames / fps, 3)
        report.note(name, request.duration, seconds, f"{reason} at {fps:g} fps")
    return num_frames


def _nearest_frames(asked: float, limits: Limits) -> int:
    step, offset = limits.frames_step, limits.frames_offset
    return math.floor((asked - offset) / step + 0.5) * step + offset


def _max_frames(limits: Limits, fps: float) -> int:
    """The longest legal count; slow rates reach the limit in seconds first."""
    if limits.max_seconds is None:
        return limits.max_frames
    within = _nearest_frames(limits.max_seconds * fps, limits)
    return min(limits.max_frames, max(within, limits.min_frames))


def _length_refused(name: str, nearest: int, legal: tuple[int, int], fps: float) -> Unresolvable:
    low, high = legal
    value = f"{nearest / fps:.2f}" if name == "duration" else f"{nearest}"
    return Unresolvable(
        f"{name} is out of range: {low} to {high} frames, "
        f"{low / fps:.2f} to {high / fps:.2f} seconds at {fps:g} fps.",
        param=name,
        hint=f"Ask for {value}.",
    )


def _steps(request: GenerateRequest, limits: Limits, defaults: Defaults) -> int:
    name, low, high = "num_inference_steps", limits.min_steps, limits.max_steps
    steps = _within(name, request.num_inference_steps, defaults.num_inference_steps, low, high)
    if limits.legal_steps and steps not in limits.legal_steps:
        nearest = min(limits.legal_steps, key=lambda legal: abs(legal - steps))
        known = ", ".join(map(str, limits.legal_steps))
        raise Unresolvable(
            f"{name} {steps} is none that this model can take: {known}.",
            param=name,
            hint=f"Ask for {nearest}; {defaults.num_inference_steps} is the default.",
        )
    return steps


def _guidance(request: GenerateRequest, limits: Limits, defaults: Defaults) -> float:
    asked, high = request.guidance_scale, limits.max_guidance_scale
    return _within("guidance_scale", asked, defaults.guidance_scale, 0.0, high)


def _within(name: str, asked: _N | None, default: _N, low: _N, high: _N) -> _N:
    value = _or(asked, default)
    if not low <= value <= high:
        raise Unresolvable(
            f"{name} {value:g} is out of range: {low:g} to {high:g}.",
            param=name,
            hint=f"Ask for {min(max(value, low), high):g}; {default:g} is the default.",
        )
    return value


def _generate_audio(request: GenerateRequest, variant: VideoVariant) -> bool:
    can = Capability.AUDIO in variant.capabilities
    if request.generate_audio and not can:
        raise Unresolvable(
            f"{variant.name} makes no sound.",
            param="generate_audio",
            hint="Leave generate_audio out, or use a service whose /info lists audio.",
        )
    return _or(request.generate_audio, can)


def _options(
    request: GenerateRequest, model: str, own: type[VideoOptions], preset: Preset
) -> VideoOptions:
    try:
        return own(**{**preset.options, **request.options})
    except ValidationError as exc:
        first = first_of(exc)
        path = ".".join(filter(None, ("options", path_of(first))))
        hint = f"The options of {model}: {', '.join(own.model_fields) or 'none'}."
        if first["type"] == "extra_forbidden":
            raise Unresolvable(f"{path}: there is no such option.", param=path, hint=hint) from exc
        raise InvalidRequest(f"{path}: {words_of(first)}.", param=path, hint=hint) from exc
