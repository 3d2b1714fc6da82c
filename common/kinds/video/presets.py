"""Presets: size, steps and guidance by one word, for people who do not know the model."""

from dataclasses import replace
from typing import Any

from common.base.errors import Unresolvable
from common.kinds.video.variants import Preset, VideoVariant

_NONE = Preset()


def presets(draft: Preset, high: Preset) -> tuple[Preset, ...]:
    """The three that every checkpoint has, from what is its own about two of them."""
    return (
        replace(draft, name="draft", description="Small and quick, to try a prompt."),
        Preset(name="standard", description="The defaults, as the model's authors have them."),
        replace(high, name="high", description="As fine as this checkpoint is meant for; slow."),
    )


def without_steps(full: tuple[Preset, ...]) -> tuple[Preset, ...]:
    """The same for a checkpoint whose number of steps is fixed: only its sizes are left."""
    return tuple(replace(preset, num_inference_steps=None) for preset in full)


def chosen_preset(name: str | None, variant: VideoVariant) -> Preset:
    """The preset that a request names; one that changes nothing where it names none.

    Raises:
        Unresolvable: this checkpoint has no such preset.
    """
    if name is None:
        return _NONE
    for preset in variant.presets:
        if preset.name == name:
            return preset
    known = ", ".join(preset.name for preset in variant.presets) or "none"
    raise Unresolvable(
        f"{variant.name} has no preset {name!r}.",
        param="preset",
        hint=f"Its presets: {known}. GET /presets says what they set.",
    )


def values_of(preset: Preset, variant: VideoVariant) -> dict[str, Any]:
    """What a request under this preset gets, by the names of its fields."""
    got = preset.applied(variant.defaults)
    values = {
        "resolution": f"{got.width}x{got.height}",
        "num_inference_steps": got.num_inference_steps,
        "guidance_scale": got.guidance_scale,
    }
    stages = {"two_stages": True} if preset.two_stages and variant.two_stages else {}
    return values | stages | ({"options": dict(preset.options)} if preset.options else {})
