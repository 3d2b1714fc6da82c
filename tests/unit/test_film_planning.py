"""Pictures and seconds become frames: how many, when, and what is refused."""

from typing import Any

import pytest

from common.base.errors import InvalidRequest
from studio.operations.film.asked import Film, picture_name
from studio.operations.film.plan import FilmPlan, begins, report_of
from studio.operations.film.planning import resolve
from studio.requests import StudioRequest
from studio.sources import Facts, Form, Found

MUSIC = {"audio": Facts(form=Form.AUDIO, format="wav", seconds=3, has_sound=True)}
JOB = "0" * 32


def pictures(*sizes: tuple[int, int]) -> dict[str, Facts]:
    return {
        picture_name(index): Facts(form=Form.PICTURE, format="png", width=width, height=height)
        for index, (width, height) in enumerate(sizes)
    }


def planned(found: Found, **fields: Any) -> FilmPlan:
    plan = resolve(Film.model_validate(fields), found).plan
    assert isinstance(plan, FilmPlan)
    return plan


def film(*seconds: float, **fields: Any) -> FilmPlan:
    images = [{"seconds": each} for each in seconds]
    return planned(pictures(*[(192, 108)] * len(seconds)), images=images, **fields)


def refusal(found: Found, **fields: Any) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        resolve(Film.model_validate(fields), found)
    return caught.value


@pytest.mark.parametrize("fps", [24, 25, 23.976, 30])
@pytest.mark.parametrize("crossfade", [0, 0.2])
def test_frames_add_up_to_the_seconds(fps: float, crossfade: float):
    plan = film(*[1 / 3] * 30, fps=fps, crossfade=crossfade)
    assert plan.num_frames == round(10 * plan.fps)
    assert plan.seconds == pytest.approx(10, abs=1 / plan.fps)
    for index, begin in enumerate(begins(plan)):
        assert abs(begin / plan.fps - index / 3) <= 0.5 / plan.fps + 1e-9


def test_what_is_said_for_all_counts_where_a_picture_says_nothing():
    images = [{"seconds": 1}, {"motion": "pan_left"}]
    plan = planned(pictures((9, 9), (9, 9)), images=images, seconds=2, motion="none")
    assert [(shot.frames, shot.motion) for shot in plan.shots] == [(24, "none"), (48, "pan_left")]


def test_the_pictures_of_an_archive_are_as_many_as_there_are():
    plan = planned(pictures((9, 9), (9, 9), (9, 9)), seconds=1)
    assert [shot.image for shot in plan.shots] == [picture_name(index) for index in range(3)]


def test_it_is_told_what_of_a_picture_is_never_seen():
    plan = planned(pictures((400, 200), (100, 200), (1920, 1080)), resolution="200x200")
    report = dict(report_of(plan))
    assert report["cropped"] == [
        {"image": 0, "cut_width": 0.5, "cut_height": 0},
        {"image": 1, "cut_width": 0, "cut_height": 0.5},
        {"image": 2, "cut_width": 0.4375, "cut_height": 0},
    ]
    assert report["enlarged"] == [
        {"image": 0, "times": 1.324},
        {"image": 1, "times": 2.648},
    ]
    assert report["begins"] == [0, 4, 8]


def test_a_padded_picture_is_seen_whole():
    plan = planned(pictures((400, 100)), resolution="200x200", fit="pad")
    assert (plan.shots[0].cut_width, plan.shots[0].cut_height) == (0, 0)
    assert plan.shots[0].enlarged == 0.662


def test_sides_are_even():
    answer = resolve(Film(resolution="641x361"), pictures((9, 9)))
    assert (answer.plan.width, answer.plan.height) == (640, 360)
    assert answer.adjustments[0].resolved == "640x360"


def test_music_is_as_long_as_the_film():
    shown = pictures((9, 9))
    short, long = (planned(shown | MUSIC, seconds=each) for each in (2, 4))
    assert (short.loops, long.loops) == (False, True)
    assert (short.fade_out, long.fade_out) == (1, 2)


@pytest.mark.parametrize(
    ("fields", "param", "words"),
    [
        ({"crossfade": 2, "seconds": 1}, "crossfade", "shown for 1 only"),
        ({"images": [{}], "seconds": 1}, "images.0.image", "missing"),
        ({"fps": 1, "seconds": 0.1}, "images.0.seconds", "less than a frame"),
        ({"as": "clips", "crossfade": 1}, "crossfade", "alone"),
        ({"as": "clips", "audio": {"job": JOB}}, "audio", "no music"),
        ({"resolution": "32x640"}, "resolution", "64 to 4096"),
        ({"resolution": "5000x640"}, "resolution", "64 to 4096"),
        ({"resolution": "4000x4000"}, "resolution", "8,294,400 pixels"),
    ],
)
def test_what_cannot_be_is_named(fields: dict[str, Any], param: str, words: str):
    found = {} if "images" in fields else pictures((9, 9))
    error = refusal(found, **fields).body
    assert error.param == param
    assert words in error.message
    assert error.hint


def test_a_film_needs_a_picture_and_has_an_end():
    assert "needs a picture" in refusal({}).body.message
    many = pictures(*[(9, 9)] * 300)
    assert "14400 are allowed" in refusal(many, seconds=60).body.message
    mute = {"audio": Facts(form=Form.VIDEO, format="mp4", seconds=3, codec="h264")}
    silent = refusal(pictures((9, 9)) | mute, seconds=3).body
    assert (silent.param, silent.message) == ("audio", "audio: it has no sound.")
    late = refusal(pictures((9, 9)) | MUSIC, seconds=3, fade_out=4).body
    assert late.param == "fade_out"


def test_the_plans_own_names_are_taken():
    images = [
        {"image_url": "https://example.com/a.png", "duracao": 2, "image": None},
        {"image": "aGVsbG8=", "image_url": None, "seconds": None, "duracao": "1.5"},
        {"image": {"job": JOB, "frame": 3}},
    ]
    task = Film.model_validate({"images": images})
    assert [shot.seconds for shot in task.images] == [2, 1.5, None]
    request = StudioRequest(task=task)
    assert request.used_jobs == {"images.2.image": JOB}
    assert request.recorded(exclude_unset=True)["task"]["images"] == [
        {"image": "https://example.com/a.png", "seconds": 2},
        {"seconds": 1.5},
        {"image": {"job": JOB, "frame": 3}},
    ]
