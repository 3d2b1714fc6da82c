"""What the frames of a film show."""

import weakref
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from studio.operations.film.canvas import Pixels, canvas_of, open_picture
from studio.operations.film.drawing import Camera, Shown, film_of
from studio.operations.film.motion import Motion
from studio.operations.film.plan import FilmPlan, ShotPlan
from studio.operations.film.planes import Planes

T = TypeVar("T")

FRAME = (192, 108)


def plan_of(*frames: int, crossfade: int = 0, motion: Motion = "zoom_in") -> FilmPlan:
    shots = tuple(
        ShotPlan(image=str(index), frames=count, motion=motion)
        for index, count in enumerate(frames)
    )
    width, height = FRAME
    return FilmPlan(width=width, height=height, fps=24, shots=shots, crossfade=crossfade, zoom=1.3)


def plain(level: int) -> Planes:
    return Planes.of(np.full((108, 192, 3), level, np.uint8))


def light_of(frame: Pixels) -> NDArray[np.float64]:
    """The brightness of what a frame shows, 0 to 255."""
    return (frame[..., : FRAME[1], :].astype(float) - 16) * 255 / 219


def grey(plan: FilmPlan, *levels: int) -> list[int]:
    """The brightness of each frame, of a film of plain pictures."""
    chunks = list(film_of(plan, lambda shot: plain(levels[int(shot.image)])))
    assert all(chunk.shape == (1, 162, 192) and chunk.dtype == np.uint8 for chunk in chunks)
    assert all((chunk[:, 108:] == 128).all() for chunk in chunks)  # and no colour
    return [round(light_of(chunk).max()) for chunk in chunks]


def centre(frame: Pixels) -> tuple[float, float]:
    """Of what is bright."""
    light = light_of(frame)
    light[light < 20] = 0  # what is far away has a long lever
    rows, columns = np.mgrid[0 : light.shape[0], 0 : light.shape[1]]
    return float((columns * light).sum() / light.sum()), float((rows * light).sum() / light.sum())


@pytest.mark.parametrize("size", [(960, 540), (401, 301), (97, 55)])
@pytest.mark.parametrize("motion", ["zoom_in", "zoom_out"])
def test_a_dot_in_the_middle_stays_there(size: tuple[int, int], motion: Motion):
    width, height = size
    rows, columns = np.mgrid[0:height, 0:width]
    away = (columns - (width - 1) / 2) ** 2 + (rows - (height - 1) / 2) ** 2
    dot = np.round(255 * np.exp(-away / (width / 24) ** 2)).astype(np.uint8)
    canvas = canvas_of(np.repeat(dot[..., None], 3, axis=2), FRAME, 1.324, pads=False)
    camera = Camera(Planes.of(canvas), FRAME, motion, 1.324)
    for on in (0, 7, 23, 47):
        assert centre(camera.frame_at(on / 48)) == pytest.approx((95.5, 53.5), abs=0.1)


def test_an_edge_moves_evenly():
    """What zoompan does not: it rounds to pixels of the picture."""
    edge = np.zeros((108, 192, 3), np.uint8)
    edge[:, 48:] = 200
    canvas = Planes.of(canvas_of(edge, FRAME, 1.324, pads=False))
    camera = Camera(canvas, FRAME, "zoom_in", 1.324)
    places = [191.5 - light_of(camera.frame_at(on / 48))[54].sum() / 200 for on in range(48)]
    line = np.polyval(np.polyfit(range(48), places, 1), range(48))
    assert np.abs(places - line).max() < 0.1
    assert line[0] - line[47] == pytest.approx(48 * 0.324 * 47 / 48, abs=0.05)


def test_a_still_picture_is_itself():
    picture = np.random.default_rng(1).integers(0, 256, (108, 192, 3)).astype(np.uint8)
    canvas = Planes.of(canvas_of(picture, FRAME, 1, pads=False))
    frame = Camera(canvas, FRAME, "none", 1.3).frame_at(0.4)
    np.testing.assert_array_equal(frame[:108], canvas.y)
    light = picture @ np.array([0.2126, 0.7152, 0.0722])
    np.testing.assert_allclose(light_of(frame), light, atol=0.8)  # a step of Y is 255 / 219


def test_pictures_follow_each_other():
    assert grey(plan_of(3, 1, 2), 10, 20, 30) == [10, 10, 10, 20, 30, 30]


def test_a_crossfade_begins_with_the_next_picture_and_adds_no_frame():
    assert grey(plan_of(5, 4, 3, crossfade=3), 0, 200, 0) == [
        *(0, 0, 0, 0, 0),
        *(50, 100, 150, 200),
        *(150, 100, 50),
    ]


def test_a_picture_moves_on_while_the_next_one_appears():
    picture = np.random.default_rng(1).integers(0, 256, (108, 192, 3)).astype(np.uint8)
    canvas, plan = Planes.of(picture), plan_of(4, 4, crossfade=2)
    camera = Camera(canvas, FRAME, "zoom_in", plan.zoom)
    first = Shown(plan, plan.shots[0], canvas, last=False)
    for on in range(4):
        np.testing.assert_array_equal(first.at(on), camera.frame_at(on / 6))
    np.testing.assert_array_equal(first.after_end(1), camera.frame_at(5 / 6))
    last = Shown(plan, plan.shots[1], canvas, last=True)
    np.testing.assert_array_equal(last.at(3), camera.frame_at(3 / 4))


class Counted:
    """How many arrays of a kind are alive at once, at most."""

    def __init__(self) -> None:
        self.alive = self.most = 0

    def __call__(self, pixels: T) -> T:
        self.alive += 1
        self.most = max(self.most, self.alive)
        weakref.finalize(pixels, self._gone)
        return pixels

    def _gone(self) -> None:
        self.alive -= 1


@pytest.mark.parametrize("crossfade", [0, 2])
def test_few_frames_and_pictures_are_alive_however_long_the_film(crossfade: int):
    canvases, frames = Counted(), Counted()
    opens: Callable[[ShotPlan], Planes] = lambda shot: canvases(plain(int(shot.image)))  # noqa: E731
    total = 0
    for chunk in film_of(plan_of(*[4] * 20, crossfade=crossfade), opens):
        frames(chunk)
        total += 1
    assert total == 80
    assert canvases.most <= 4  # one is still in the hands of a thread that has not run since
    assert frames.most <= 2


def test_a_picture_that_cannot_be_read_ends_the_film():
    def broken(_shot: ShotPlan) -> Planes:
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        next(film_of(plan_of(2, 2), broken))


def test_a_padded_picture_lies_on_its_blurred_self():
    picture = np.zeros((100, 100, 3), np.uint8)
    picture[:, :50] = (200, 0, 0)
    picture[:, 50:] = (0, 0, 200)
    canvas = canvas_of(picture, FRAME, 1, pads=True)
    inside = canvas[:, 42:150]
    assert inside[:, :50].mean(axis=(0, 1)) == pytest.approx([200, 0, 0], abs=4)
    assert inside[:, -50:].mean(axis=(0, 1)) == pytest.approx([0, 0, 200], abs=4)
    assert canvas[:, 0].mean(axis=0) == pytest.approx([200, 0, 0], abs=4)
    covered = canvas_of(picture, FRAME, 1, pads=False)
    assert covered[:, 90].mean(axis=0) == pytest.approx([200, 0, 0], abs=8)


def test_what_can_be_seen_through_is_black(tmp_path: Path):
    picture = Image.new("RGBA", (8, 4), (255, 255, 255, 0))
    picture.paste((200, 100, 50, 255), (4, 0, 8, 4))
    picture.save(tmp_path / "a.png")
    pixels = open_picture(tmp_path / "a.png", 32)
    assert pixels.shape == (4, 8, 3)
    assert pixels[0, 0].tolist() == [0, 0, 0]
    assert pixels[0, 7].tolist() == [200, 100, 50]
