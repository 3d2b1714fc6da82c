"""A first frame is kept, and what it shows goes where it is told to."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from scripts.shapes.asking import Wish, ask
from scripts.shapes.captions import english
from scripts.shapes.look import look
from scripts.shapes.scenes import Background, Colour, Direction, Path, Scene, Shape, draw
from tests.live import LiveService
from tests.meaning.conftest import LEARNT
from tests.photos import saved
from tests.seldom import seldom

MIDDLE = Path(30.0, np.array([[64.0, 64.0]]))
SCENES = (
    Scene(Shape.CIRCLE, Colour.RED, Direction.RIGHT),
    Scene(Shape.STAR, Colour.YELLOW, Direction.UP),
    Scene(Shape.SQUARE, Colour.BLUE, Direction.DOWN_LEFT, background=Background.WHITE),
)


@pytest.mark.parametrize("scene", seldom(SCENES), ids=english)
def test_a_picture_is_kept_and_moves(waver: LiveService, scene: Scene):
    (frame,) = draw(scene, MIDDLE, (1, 128, 128))
    (asked,) = ask(
        waver.url, [Wish(scene, english(scene), 1, picture=saved(Image.fromarray(frame), "PNG"))]
    )
    first = look(asked.frames[:1])
    assert first is not None
    assert first.shows(scene, "colour", "background")
    assert np.hypot(*(first.centres[0] - 64)) < 2, "where the picture has it"
    assert asked.right(*LEARNT, "background")


@pytest.mark.slow
def test_the_same_picture_goes_elsewhere(waver: LiveService):
    scene = SCENES[0]
    (frame,) = draw(scene, MIDDLE, (1, 128, 128))
    for direction in (Direction.UP, Direction.DOWN, Direction.STILL):
        told = replace(scene, direction=direction)
        (asked,) = ask(
            waver.url, [Wish(told, english(told), 1, picture=saved(Image.fromarray(frame), "PNG"))]
        )
        assert asked.right(*LEARNT)
