"""Guidance brings a video nearer to its prompt, and away from its negative prompt."""

from dataclasses import replace

from scripts.shapes.asking import Asked, Wish, ask
from scripts.shapes.captions import Told, english
from scripts.shapes.obeys import PARTS
from scripts.shapes.scenes import Colour, Direction, Scene, Shape
from tests.live import LiveService

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
    assert not away.right("colour", "shape")


def test_guidance_obeys_more(waver: LiveService):
    weak, strong = (
        list(
            ask(waver.url, [Wish(SCENE, english(SCENE), seed) for seed in SEEDS], guidance_scale=g)
        )
        for g in (1, 5)
    )
    assert sum(each.right(*PARTS) for each in strong) >= sum(each.right(*PARTS) for each in weak)
    assert all(each.right(*PARTS) for each in strong)
    assert _error(strong) < _error(weak)


def test_a_colour_that_is_forbidden(waver: LiveService):
    """Whatever colour it takes where none is said, it takes another where that one is forbidden."""
    wish = [Wish(SCENE, english(SCENE, NO_COLOUR), seed) for seed in SEEDS]
    free = list(ask(waver.url, wish))
    forbidden = [
        replace(each.wish, fields={"negative_prompt": str(each.found.colour)})
        for each in free
        if each.found
    ]
    assert len(forbidden) == len(wish)
    for before, after in zip(free, ask(waver.url, forbidden), strict=True):
        assert before.found is not None
        assert after.found is not None
        assert after.found.colour is not before.found.colour


def _error(asked: list[Asked]) -> float:
    """How far the colours are from the one that was asked for."""
    return sum(each.found.distance if each.found else 442.0 for each in asked)
