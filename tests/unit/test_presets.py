"""Presets of every checkpoint of every model: legal, and weaker than what a request says."""

import pytest

from common.base.errors import Unresolvable
from common.contract import ModelSpec, Variant
from common.contract.finding import load_spec
from common.kinds.video import VIDEO_KIND, Capability, Preset
from common.kinds.video.frame_size import Picture
from common.kinds.video.presets import chosen_preset, values_of
from common.kinds.video.requests import GenerateRequest
from scripts.services import MODELS, spec_address
from tests.resolving import resolve
from tests.toy.model_config import SPEC as TOY

LOADED = [load_spec(spec_address(model)) for model in MODELS]
SPECS = [*(spec for spec in LOADED if spec.kind is VIDEO_KIND), TOY]
ALL = [
    pytest.param(spec, variant, preset, id=f"{variant.name}-{preset.name}")
    for spec in SPECS
    for variant in spec.variants
    for preset in variant.presets
]
TALL = Picture("tall.png", 600, 900)


def beginning_of(variant: Variant, preset: str) -> Picture | None:
    """A picture in the preset's own shape, for checkpoints that cannot do without one."""
    got = chosen_preset(preset, variant).applied(variant.defaults)
    needless = Capability.TEXT_TO_VIDEO in variant.capabilities
    return None if needless else Picture("p.png", got.width, got.height)


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.id)
def test_every_checkpoint_has_the_three(spec: ModelSpec):
    for variant in spec.variants:
        assert [preset.name for preset in variant.presets] == ["draft", "standard", "high"]
        standard = variant.presets[1].applied(variant.defaults)
        assert standard == variant.defaults


@pytest.mark.parametrize("variant", [variant for spec in SPECS for variant in spec.variants])
def test_every_default_is_legal(variant: Variant):
    limits, defaults = variant.limits, variant.defaults
    assert defaults.width % limits.size_multiple == defaults.height % limits.size_multiple == 0
    assert defaults.width * defaults.height <= limits.max_pixels
    assert (defaults.num_frames - limits.frames_offset) % limits.frames_step == 0
    assert limits.min_frames <= defaults.num_frames <= limits.max_frames


@pytest.mark.parametrize(("spec", "variant", "preset"), ALL)
def test_a_preset_is_made_exactly_as_it_says(spec: ModelSpec, variant: Variant, preset: Preset):
    wish = GenerateRequest(prompt="a cat", preset=preset.name)
    made = resolve(wish, spec, variant, beginning_of(variant, preset.name)).request
    values = values_of(preset, variant)
    options, stages = values.pop("options", {}), values.pop("two_stages", False)
    assert stages is (preset.two_stages and variant.two_stages is not None)
    assert values == {
        "resolution": f"{made.width}x{made.height}",
        "num_inference_steps": made.num_inference_steps,
        "guidance_scale": made.guidance_scale,
    }
    assert options.items() <= made.options.items()
    assert made.preset == preset.name
    asked = {name: value for name, value in values.items() if name != "options"}
    again = resolve(
        GenerateRequest(prompt="a cat", **asked), spec, variant, beginning_of(variant, preset.name)
    )
    assert [change.field for change in again.adjustments if change.field != "checkpoint"] == []


@pytest.mark.parametrize(("spec", "variant", "preset"), ALL)
def test_a_preset_keeps_the_shape_of_a_picture(spec: ModelSpec, variant: Variant, preset: Preset):
    if Capability.IMAGE_TO_VIDEO not in variant.capabilities or spec is TOY:
        pytest.skip("takes no picture, or only tiny ones")
    made = resolve(GenerateRequest(prompt="a cat", preset=preset.name), spec, variant, TALL).request
    assert made.width < made.height
    area = preset.applied(variant.defaults)
    assert 0.7 < made.width * made.height / (area.width * area.height) < 1.2


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.id)
def test_a_draft_costs_less_and_a_high_one_no_less(spec: ModelSpec):
    for variant in spec.variants:
        draft, standard, high = (
            spec.cost(
                resolve(
                    GenerateRequest(prompt="a cat", preset=name),
                    spec,
                    variant,
                    beginning_of(variant, name),
                ).request
            )
            for name in ("draft", "standard", "high")
        )
        assert draft < standard / 2, variant.name
        assert high >= standard, variant.name


def test_what_a_request_says_itself_wins():
    wish = GenerateRequest(
        prompt="a cat", preset="high", resolution="48x48", num_inference_steps=2, guidance_scale=1
    )
    made = resolve(wish, TOY, TOY.variants[0]).request
    assert (made.width, made.height, made.num_inference_steps, made.guidance_scale) == (
        48,
        48,
        2,
        1,
    )


def test_an_option_that_a_request_gives_wins_over_the_presets():
    spec = load_spec("waver.model_config:SPEC")
    wish = GenerateRequest(prompt="a cat", preset="high", options={"quality": "plain"})
    assert resolve(wish, spec, spec.variants[0]).request.options["quality"] == "plain"


def test_an_unknown_preset_is_refused_with_the_known_ones():
    with pytest.raises(Unresolvable) as refusal:
        resolve(GenerateRequest(prompt="a cat", preset="best"), TOY, TOY.variants[0])
    assert refusal.value.body.param == "preset"
    assert "draft, standard, high" in (refusal.value.body.hint or "")
