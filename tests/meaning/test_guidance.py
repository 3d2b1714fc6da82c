"""Guidance brings a video nearer to its prompt, and away from its negative prompt."""

from dataclasses import replace

import pytest

from scripts.shapes.asking import Asked, Wish, ask, share
from scripts.shapes.captions import Told, english
from scripts.shapes.scenes import Colour, Direction, Scene, Shape
from tests.live import LiveService
from tests.meaning.conftest import SIX

SCENE = Scene(Shape.SQUARE, Colour.BLUE, Direction.UP)
SEEDS = range(1, 5)
NO_COLOUR = Told(colour=False)


def test_without_guidance_a_negative_prompt_says_nothing(waver: LiveService):
    plain, other = (
        Wish(SCENE, english(SCENE), 1, {"guidance_scale": 1, "negative_prompt": words})
        for words in ("", "a blue square")
    )
    one, same = ask(waver.url, [plain, other])
    assert (one.frames == same.frames).all()
    guided = replace(other, fields={**other.fields, "guidance_scale": 5})
    (away,) = ask(waver.url, [guided])
    assert (away.frames != one.frames).any()


@pytest.mark.slow
def test_guidance_obeys_more(waver: LiveService):
    wanted = [Wish(scene, english(scene), seed) for seed, scene in enumerate(SIX[::2])]
    weak, strong = (list(ask(waver.url, wanted, guidance_scale=scale)) for scale in (1, 3))
    assert share(strong, "colour") >= share(weak, "colour")
    assert _contrast(strong) > 1.15 * _contrast(weak)


STRONG = {"guidance_scale": 4}
"""What weights obey best leads only a little away from anything."""


@pytest.mark.slow
def test_a_colour_that_is_forbidden(waver: LiveService):
    """Whatever colour it takes where none is said, it takes another where that one is forbidden."""
    wish = [Wish(SCENE, english(SCENE, NO_COLOUR), seed) for seed in SEEDS]
    free = list(ask(waver.url, wish))
    forbidden = [
        replace(each.wish, fields={"negative_prompt": str(each.found.colour), **STRONG})
        for each in free
        if each.found
    ]
    assert len(forbidden) == len(wish)
    for before, after in zip(free, ask(waver.url, forbidden), strict=True):
        assert before.found is not None
        assert after.found is not None
        assert after.found.colour is not before.found.colour


def _contrast(asked: list[Asked]) -> float:
    """Guidance goes past what the training showed: colours become stronger than they were."""
    return sum(float(each.frames.std()) for each in asked)
