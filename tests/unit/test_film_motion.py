"""Where the camera is, to a fraction of a pixel."""

from typing import get_args

import numpy as np
import pytest

from studio.operations.film.motion import Motion, matrix_of, view_at
from studio.operations.film.shapes import contained, covering

FRAME, CANVAS = (192, 108), (383, 215)
ZOOM = 1.324
FRAMES = 48


def at(motion: Motion, part: float, x: float, y: float) -> tuple[float, float]:
    """Where on the canvas a place of the frame lies; edges of pixels, from 0, for both."""
    matrix = np.array(matrix_of(view_at(motion, ZOOM, part), FRAME, CANVAS))
    u, v = matrix @ [x - 0.5, y - 0.5, 1] + 0.5
    return float(u), float(v)


@pytest.mark.parametrize("on", [0, 1, 17, 47])
@pytest.mark.parametrize("motion", ["zoom_in", "zoom_out"])
def test_zooming_is_the_formula_around_the_middle(motion: Motion, on: int):
    z = 1 + 0.324 * on / FRAMES if motion == "zoom_in" else 1.324 - 0.324 * on / FRAMES
    for x, y in ((0, 0), (96, 54), (192, 108), (31, 77)):
        expected = (
            CANVAS[0] / 2 + (x - 96) * CANVAS[0] / 192 / z,
            CANVAS[1] / 2 + (y - 54) * CANVAS[1] / 108 / z,
        )
        assert at(motion, on / FRAMES, x, y) == pytest.approx(expected, abs=1e-9)


def test_a_pan_goes_from_edge_to_edge():
    assert at("pan_right", 0, 0, 54)[0] == pytest.approx(0)
    assert at("pan_right", 1, 192, 54)[0] == pytest.approx(CANVAS[0])
    assert at("pan_left", 0, 192, 54)[0] == pytest.approx(CANVAS[0])
    assert at("pan_up", 1, 96, 0) == pytest.approx((CANVAS[0] / 2, 0))
    assert at("pan_down_right", 0, 0, 0) == pytest.approx((0, 0))
    assert at("pan_up_right", 1, 192, 0) == pytest.approx((CANVAS[0], 0))
    assert at("pan_down_left", 1, 0, 108) == pytest.approx((0, CANVAS[1]))


@pytest.mark.parametrize("motion", get_args(Motion))
def test_the_camera_never_leaves_the_picture(motion: Motion):
    for part in np.linspace(0, 1, 9):
        left, top = at(motion, part, 0, 0)
        right, bottom = at(motion, part, *FRAME)
        assert min(left, top) >= -1e-9
        assert right <= CANVAS[0] + 1e-9
        assert bottom <= CANVAS[1] + 1e-9


def test_nothing_moves_where_nothing_should():
    assert {view_at("none", ZOOM, part) for part in (0, 0.5, 1)} == {view_at("zoom_in", ZOOM, 0)}


@pytest.mark.parametrize("picture", [(401, 200), (400, 201), (161, 333), (1, 9), (2, 7000), (9, 9)])
@pytest.mark.parametrize("frame", [(320, 180), (180, 320), (200, 200)])
def test_what_is_cut_away_is_the_same_on_both_sides(
    picture: tuple[int, int], frame: tuple[int, int]
):
    box = covering(picture, frame)
    assert box.left * 2 + box.width == picture[0]
    assert box.top * 2 + box.height == picture[1]
    assert box.width >= 1 <= box.height
    place = contained(picture, frame)
    assert place.left * 2 + place.width == frame[0]
    assert place.top * 2 + place.height == frame[1]
    if min(picture) > 100:
        assert box.width / box.height == pytest.approx(frame[0] / frame[1], rel=0.02)
        assert place.width / place.height == pytest.approx(picture[0] / picture[1], rel=0.02)
