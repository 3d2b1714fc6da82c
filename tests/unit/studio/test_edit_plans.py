"""What an edit becomes, before a file is touched."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from common.base.errors import Unresolvable
from studio.estimates import memory_of
from studio.operations.edit.canvas import canvas, filters, placed
from studio.operations.edit.graph import block_rate, picked
from studio.operations.edit.plan import EditPlan, Span, Take
from studio.operations.edit.resolving import resolve
from studio.operations.edit.spans import both, frames_around, joined, merged, without
from studio.operations.edit.task import Edit
from studio.requests import ResolvedStudio
from studio.sources import Facts, Form
from tests.cutting import said

JOB = {"job": "0123456789abcdef0123456789abcdef"}
FILM = Facts(
    form=Form.VIDEO,
    format="mp4",
    seconds=10,
    width=1920,
    height=1080,
    fps=25,
    has_sound=True,
    codec="h264",
    sound_codec="aac",
)
OTHER = FILM.model_copy(update={"width": 640, "height": 480, "fps": 30.0, "has_sound": False})
LOGO = Facts(form=Form.PICTURE, format="png", width=200, height=100)


def plan_of(found: dict[str, Facts] | None = None, **fields: Any) -> EditPlan:
    plan = resolve(Edit.model_validate(fields), found or {"video": FILM}).plan
    assert isinstance(plan, EditPlan)
    return plan


def spans_of(plan: EditPlan) -> list[tuple[int, int]]:
    return [(span.start, span.end) for take in plan.takes for span in take.spans]


def span(start: int, end: int) -> Span:
    return Span(start=start, end=end)


def test_times_are_frames() -> None:
    plan = plan_of(clips=[{"start": 1, "end": 3.02}, {"start": 0.48, "end": 0.88}])
    assert spans_of(plan) == [(25, 76), (12, 22)]
    assert plan.frames == 61
    assert plan.seconds == 61 / 25


def test_cuts_leave_the_rest_in_whatever_order_they_are_said() -> None:
    cut = [{"start": 6, "end": 7}, {"start": 0, "end": 1}, {"start": 9.48, "end": 12}]
    assert spans_of(plan_of(clips=[{"cut": cut}])) == [(25, 150), (175, 237)]


def test_clips_that_go_on_are_read_once() -> None:
    """Of three clips, two are one take: the third goes back, and each input is read forwards."""
    clips = [{"start": 1, "end": 2}, {"start": 2, "end": 3}, {"start": 0, "end": 1}]
    plan = plan_of(clips=clips)
    assert [take.spans for take in plan.takes] == [(span(25, 75),), (span(0, 25),)]
    far = [Take(source="a", spans=(span(0, 9),)), Take(source="a", spans=(span(9000, 9009),))]
    assert len(joined(far, Fraction(25))) == 2
    long = {"video": FILM.model_copy(update={"seconds": 3600})}
    far_apart = [{"start": n * 60, "end": n * 60 + 1} for n in range(50)]
    assert len(plan_of(long, clips=far_apart[:40]).takes) == 40
    assert len(plan_of(long, clips=far_apart).takes) == 1


def test_the_first_clip_says_size_and_rate_and_what_is_made_equal_is_told() -> None:
    found = {"a": FILM, "b": OTHER}
    task = Edit.model_validate(
        {"inputs": {"a": JOB, "b": JOB}, "clips": [{"source": "a"}, {"source": "b"}]}
    )
    planned = resolve(task, found)
    assert (planned.plan.width, planned.plan.height, planned.plan.fps) == (1920, 1080, 25)
    assert said(planned) == {"b.size": "1920x1080", "b.fps": 25}
    assert [name for name, one in task.wanted.items() if one.needed] == ["a", "b"]
    assert task.wanted["a"].source == task.inputs["a"]


def test_a_rate_that_varies_becomes_a_constant_one() -> None:
    found = {"video": FILM.model_copy(update={"fps": 28.37})}
    planned = resolve(Edit.model_validate({"clips": [{"start": 1}]}), found)
    assert said(planned) == {"fps": 28}
    ntsc = {"video": FILM.model_copy(update={"fps": 29.97})}
    assert plan_of(ntsc, clips=[{"start": 1}]).rate == Fraction(30000, 1001)


def test_an_end_behind_the_end_is_the_end() -> None:
    planned = resolve(Edit.model_validate({"clips": [{"start": 1, "end": 12}]}), {"video": FILM})
    assert said(planned) == {"clips.0.end": 10}
    assert planned.plan.seconds == 9


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"clips": [{"start": 10}]}, "clips.0.start"),
        ({"clips": [{"start": 2, "end": 2}]}, "clips.0.end"),
        ({"clips": [{"start": 3, "end": 2}]}, "clips.0.end"),
        ({"clips": [{"cut": [{"start": 1, "end": 1.001}]}]}, "clips.0.cut.0.end"),
        ({"clips": [{"cut": [{"start": 1, "end": 3}, {"start": 2, "end": 4}]}]}, "clips.0.cut.1"),
        ({"clips": [{"end": 5, "cut": [{"start": 6, "end": 7}]}]}, "clips.0.cut.0"),
        ({"clips": [{}, {"cut": [{"start": 0, "end": 10}]}]}, "clips.1.cut"),
        ({"clips": [{"source": "b"}]}, "clips.0.source"),
        ({"inputs": {"b": JOB}}, "inputs.b"),
        ({"overlays": [{}]}, "overlays.0.source"),
        ({"overlays": [{"source": "video"}]}, "overlays.0.source"),
        ({"fade_in": 6, "fade_out": 5}, "fade_out"),
        ({"texts": [{"text": "a", "start": 10}]}, "texts.0.start"),
        ({"texts": [{"text": "a", "start": 2, "end": 2}]}, "texts.0.end"),
        ({"clips": [{"speed": 2}] * 41}, "clips"),
        ({"resolution": "9000x5000"}, "resolution"),
        ({"captions": "auto", "clips": [{"mute": True}]}, "captions"),
        ({"video": JOB, "inputs": {"video": JOB}}, "inputs.video"),
    ],
)
def test_what_cannot_be_made_is_said_of_its_field(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(Unresolvable) as refused:
        plan_of(**fields)
    assert refused.value.body.param == field
    assert refused.value.body.hint


def test_silence_needs_sound() -> None:
    with pytest.raises(Unresolvable, match="no clip has sound"):
        plan_of({"video": OTHER}, silence={"method": "level"})


def test_what_is_drawn_or_cut_is_not_copied() -> None:
    assert plan_of().copies
    assert plan_of().copies_sound
    assert not plan_of(loudness=-14).copies_sound
    phone = FILM.model_copy(update={"sound_codec": "mp3", "sound_rate": 8000})
    assert plan_of({"video": phone}).copies
    assert not plan_of({"video": phone}).copies_sound
    changed: list[dict[str, Any]] = [
        {"clips": [{"start": 1}]},
        {"clips": [{"speed": 2}]},
        {"clips": [{"mute": True}]},
        {"clips": [{}, {}]},
        {"aspect": "1:1"},
        {"fps": 24},
        {"fade_in": 1},
        {"silence": {"method": "level"}},
        {"texts": [{"text": "a"}]},
        {"captions": "auto"},
    ]
    assert [fields for fields in changed if plan_of(**fields).copies] == []
    assert not plan_of({"video": FILM.model_copy(update={"codec": "vp8"})}).copies


def test_shapes_keep_the_short_side() -> None:
    full_hd = (1920, 1080)
    assert canvas(full_hd, None, None) == full_hd
    assert canvas(full_hd, "9:16", None) == (1080, 1920)
    assert canvas((1080, 1920), "16:9", None) == full_hd
    assert canvas((1281, 721), "source", None) == (1280, 720)
    assert canvas(full_hd, "4:5", None) == (1080, 1350)
    assert canvas(full_hd, "1:1", "720x720") == (720, 720)


def test_a_picture_fills_the_frame_or_lies_within_it() -> None:
    assert placed((1920, 1080), (1080, 1920), "crop") == (3414, 1920)
    assert placed((1920, 1080), (1080, 1920), "pad") == (1080, 608)
    cropped = filters((1920, 1080), (1080, 1920), "crop", 1.0)
    assert "crop=1080:1920:2334:0" in cropped
    assert filters((64, 64), (64, 64), "pad", 0.5)[1:] == ["setsar=1", "format=yuv420p"]


def test_overlays_have_their_place_in_pixels() -> None:
    found = {"video": FILM, "overlay": LOGO}
    plan = plan_of(found, overlays=[{"width": 0.25, "start": 1, "end": 20}])
    (picture,) = plan.pictures
    assert (picture.width, picture.height, picture.margin) == (480, 240, 58)
    assert (picture.start, picture.end) == (25, 250)
    assert not plan.copies


def test_more_decoders_take_more_memory() -> None:
    one, ten = plan_of(), plan_of(clips=[{"speed": 2}] * 10)
    assert one.bytes_beside == 0
    assert 150e6 < ten.bytes_beside < 200e6


def test_no_layer_is_larger_than_the_film() -> None:
    """Neither a tall picture made wide, nor words that take too many lines, or one letter."""
    found = {"video": FILM, "overlay": LOGO.model_copy(update={"width": 100, "height": 5000})}
    with pytest.raises(Unresolvable, match="96000 pixels high, and the film 1080") as caught:
        plan_of(found, overlays=[{"width": 0.01}, {"width": 1}])
    assert caught.value.body.param == "overlays.1.width"
    assert caught.value.body.hint == "For a picture of 100x5000, 0.0109 is the most."
    assert plan_of(found, overlays=[{"width": 0.0109}]).pictures[0].height <= 1080

    long = {"text": "W" * 500, "size": 0.5}
    with pytest.raises(Unresolvable, match="and the film has 1920x1080") as caught:
        plan_of(texts=[{"text": "W" * 500, "size": 0.03}, long])
    assert caught.value.body.param == "texts.1.size"
    with pytest.raises(Unresolvable, match="and the film has 100x1080"):
        plan_of(resolution="100x1080", texts=[{"text": "W", "size": 0.5}])


def test_what_lies_over_a_film_takes_memory_as_sent_and_as_shown(tmp_path: Path) -> None:
    """Of a film that waits for the model, too."""
    found = {"video": FILM, "overlay": LOGO.model_copy(update={"width": 8000, "height": 4000})}
    laid = {"overlays": [{"width": 0.5}] * 2, "texts": [{"text": "on the film"}]}
    sent = 2 * 8 * 8000 * 4000
    assert sent < plan_of(found, **laid).bytes_beside < 1.1 * sent
    heard = ResolvedStudio(task=Edit(), plan=plan_of(found, captions="auto", **laid))
    assert heard.needs_model
    assert memory_of(tmp_path, heard).run_bytes > sent


def test_sums_of_spans() -> None:
    assert without(span(0, 10), [span(2, 3), span(3, 5), span(9, 12)]) == (span(0, 2), span(5, 9))
    assert without(span(5, 10), [span(0, 20)]) == ()
    assert both([span(0, 5), span(8, 20)], [span(3, 9), span(10, 12)]) == (
        *(span(3, 5), span(8, 9), span(10, 12)),
    )
    assert merged([span(0, 5), span(5, 7), span(6, 9), span(11, 12)]) == (span(0, 9), span(11, 12))


def test_what_is_heard_is_kept_with_every_frame_that_it_touches() -> None:
    rate = Fraction(30000, 1001)
    assert frames_around((10 / rate, 20 / rate), rate) == span(10, 20)
    assert frames_around((10.1 / rate, 20.1 / rate), rate) == span(10, 21)


@pytest.mark.parametrize("rate", ["24", "25", "30", "60", "24000/1001", "30000/1001", "25/2", "29"])
def test_a_frame_lasts_a_whole_number_of_samples(rate: str) -> None:
    hertz = block_rate(Fraction(rate))
    assert 48000 <= hertz < 61000
    assert (hertz / Fraction(rate)).denominator == 1


def test_many_spans_are_found_by_halves() -> None:
    spans = [span(n * 10, n * 10 + 5) for n in range(1000)]
    expression = picked(spans)
    deepest = max(accumulated(expression))
    assert expression.count("between") == 1000
    assert deepest <= 11
    assert picked(spans[:2]) == "if(lt(n,10),between(n,0,4),between(n,10,14))"


def accumulated(expression: str) -> list[int]:
    depths, depth = [], 0
    for sign in expression:
        depth += {"(": 1, ")": -1}.get(sign, 0)
        depths.append(depth)
    return depths
