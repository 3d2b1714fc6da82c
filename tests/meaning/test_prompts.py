"""What is asked for is what the finished MP4 shows; docs/shapes.md has the numbers of many more."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from scripts.shapes.asking import Asked, Wish, ask, share
from scripts.shapes.captions import Told, english, portuguese
from scripts.shapes.obeys import wishes
from scripts.shapes.scenes import Background, Colour, Direction, Scene, Shape
from scripts.shapes.weights import HERE
from tests.live import LiveService
from tests.meaning.conftest import LEARNT, MODEL, SIX
from tests.seldom import seldom

A_SHAPE = Scene(Shape.CIRCLE, Colour.RED, Direction.LEFT)


def made(service: LiveService, wanted: Sequence[Wish], **fields: object) -> list[Asked]:
    return list(ask(service.url, wanted, **fields))


@pytest.mark.parametrize("words", [english, pytest.param(portuguese, marks=pytest.mark.slow)])
def test_scenes_that_no_training_showed(waver: LiveService, words: Callable[[Scene], str]):
    asked = made(waver, [Wish(scene, words(scene), seed) for seed, scene in enumerate(SIX)])
    for part in LEARNT:
        assert share(asked, part) >= 5 / 6, [(each.wish.prompt, str(each.found)) for each in asked]


@pytest.mark.slow
@pytest.mark.parametrize("words", [english, portuguese])
def test_all_of_them_with_three_seeds(waver: LiveService, words: Callable[[Scene], str]):
    asked = made(waver, wishes(words, seeds=3))
    for part in LEARNT:
        assert share(asked, part) >= 0.95


def test_a_seed_is_a_video(waver: LiveService):
    prompt = english(A_SHAPE)
    one, again, other = made(waver, [Wish(A_SHAPE, prompt, seed) for seed in (1, 1, 2)])
    assert np.array_equal(one.frames, again.frames)
    assert not np.array_equal(one.frames, other.frames)
    assert one.right(*LEARNT)
    assert other.right(*LEARNT)
    assert one.found is not None
    assert other.found is not None
    assert np.hypot(*(one.found.centres - other.found.centres).T).mean() > 1, "it is elsewhere"


@pytest.mark.parametrize("background", seldom(Background))
def test_what_is_behind(waver: LiveService, background: Background):
    scene = replace(A_SHAPE, background=background)
    (asked,) = made(waver, [Wish(scene, english(scene, Told(background=True)), 3)])
    assert asked.right(*LEARNT, "background")


def test_noise_is_as_it_was_in_the_training(waver: LiveService):
    """The service's own shift of the noise schedule is the published one of these weights."""
    config = json.loads((HERE / MODEL / "scheduler" / "scheduler_config.json").read_text())
    shifts = ({}, {"flow_shift": config["flow_shift"]}, {"flow_shift": 1})
    prompt = english(A_SHAPE)
    wanted = [Wish(A_SHAPE, prompt, 1, {"options": options}) for options in shifts]
    own, published, other = made(waver, wanted)
    assert np.array_equal(own.frames, published.frames)
    assert not np.array_equal(own.frames, other.frames)
