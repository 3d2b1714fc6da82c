"""A finished video goes on, is made anew, in part or in whole, and lends its frames."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from scripts.shapes.asking import PLAIN, frames_of
from scripts.shapes.captions import english
from scripts.shapes.look import Found, look
from scripts.shapes.scenes import Colour, Direction, Scene, Shape
from tests.live import LiveService

SCENE = Scene(Shape.CIRCLE, Colour.RED, Direction.STILL)
RECODED = 3.0
"""Levels of 255 that a second encoding may move a frame by, in the mean."""


@dataclass(frozen=True)
class Made:
    """A finished job and its frames, RGB [T, H, W, 3]."""

    job: dict[str, Any]
    frames: NDArray[np.uint8]


@pytest.fixture(scope="module")
def first(waver: LiveService, tmp_path_factory: pytest.TempPathFactory) -> Made:
    return made(waver, tmp_path_factory.mktemp("first"), SCENE)


def made(service: LiveService, folder: Path, scene: Scene, **fields: Any) -> Made:
    asked = {**PLAIN, "prompt": english(scene), "seed": 3, **fields}
    for other in ("extend", "retake", "video"):
        if other in fields:
            del asked["resolution"]
    for other in ("retake", "video"):
        if other in fields:
            del asked["num_frames"]
    job = service.finish(timeout=300, **asked)
    file = folder / f"{job['id']}.mp4"
    file.write_bytes(service.client.get(job["links"]["download"]).content)
    return Made(job, frames_of(file))


def seen(frames: NDArray[np.uint8]) -> Found:
    found = look(frames)
    assert found is not None
    return found


def apart(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """The mean difference of two clips, in levels."""
    assert one.shape == other.shape
    return float(np.abs(one.astype(int) - other.astype(int)).mean())


def test_it_goes_on_where_it_ended(waver: LiveService, first: Made, tmp_path: Path) -> None:
    onwards = replace(SCENE, direction=Direction.UP)
    longer = made(waver, tmp_path, onwards, extend=first.job["id"], num_frames=16)
    assert len(longer.frames) == 17 + 16
    assert longer.job["resolved"]["num_frames"] == 16
    assert longer.job["result"]["num_frames"] == 33
    assert apart(longer.frames[:17], first.frames) < RECODED
    old, new = seen(first.frames), seen(longer.frames[17:])
    assert new.shows(onwards, "colour", "direction")
    assert np.hypot(*(new.centres[0] - old.centres[-1])) < 4, "no jump"


def test_a_span_is_made_anew_and_the_rest_stays(
    waver: LiveService, first: Made, tmp_path: Path
) -> None:
    moving = replace(SCENE, direction=Direction.UP)
    span = {"job": first.job["id"], "from": 5 / 24, "to": 13 / 24}
    again = made(waver, tmp_path, moving, retake=span)
    resolved = again.job["resolved"]
    assert (resolved["retake_from"], resolved["retake_to"]) == (5, 13)
    assert len(again.frames) == 17
    kept = [*range(5), *range(13, 17)]
    assert apart(again.frames[kept], first.frames[kept]) < RECODED
    assert seen(again.frames[6:12]).shows(moving, "colour", "direction")
    old, new = seen(first.frames[kept]), seen(again.frames[kept])
    assert np.abs(old.centres - new.centres).max() < 1, "where it was"


@pytest.mark.slow
def test_another_prompt_with_the_same_motion(
    waver: LiveService, first: Made, tmp_path: Path
) -> None:
    green = replace(SCENE, colour=Colour.GREEN)
    turned = made(waver, tmp_path, green, video={"job": first.job["id"]}, strength=0.9)
    old, new = seen(first.frames), seen(turned.frames)
    assert new.colour is Colour.GREEN
    assert np.hypot(*(new.centres - old.centres).T).max() < 8, "where it was"
    same = made(waver, tmp_path, green, video={"job": first.job["id"]}, strength=0.05)
    assert seen(same.frames).colour is Colour.RED, "hardly anything is made anew"


@pytest.mark.slow
def test_a_frame_of_it_begins_another(waver: LiveService, first: Made, tmp_path: Path) -> None:
    moving = replace(SCENE, direction=Direction.LEFT)
    lent = made(waver, tmp_path, moving, image={"job": first.job["id"], "frame": -1})
    assert lent.job["requested"]["image"] == {"job": first.job["id"], "frame": -1}
    assert apart(lent.frames[:1], first.frames[-1:]) < RECODED
    assert seen(lent.frames).shows(moving, "colour", "direction")
