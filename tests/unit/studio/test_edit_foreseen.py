"""What a dry run of an edit shows of its silence: exactly what is made."""

import os
from pathlib import Path
from tempfile import SpooledTemporaryFile

import pytest

from common.base.errors import Unresolvable
from studio.operations.edit.foreseeing import MOST_SECONDS, foresee
from studio.operations.edit.plan import EditPlan
from studio.operations.edit.resolving import resolve
from studio.operations.edit.silence import without_silence
from studio.operations.edit.task import Clip, Edit, Silence
from tests.cutting import facts, numbered, tools

LEVEL = Silence(method="level", margin=0.2, min_silence=0.5, min_clip=0.1)
HEARD = (30, 120, 210)


def planned(task: Edit, **files: Path) -> EditPlan:
    plan = resolve(task, facts(task, files)).plan
    assert isinstance(plan, EditPlan)
    return plan


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return numbered(tmp_path_factory.mktemp("film") / "a.mkv", 250, "25", HEARD, lasting=0.4)


def test_it_is_what_the_worker_makes(tmp_path: Path, film: Path) -> None:
    task = Edit(silence=LEVEL, clips=(Clip(start=3, speed=2), Clip(end=3), Clip(mute=True, end=1)))
    plan, found = planned(task, video=film), facts(task, {"video": film})
    made = without_silence(plan, tools(tmp_path, {"video": film}, found))
    assert made.seconds < plan.seconds
    with SpooledTemporaryFile(max_size=2**30) as upload:
        upload.write(film.read_bytes())
        upload.seek(5)
        ahead = foresee(plan, {"video": upload}, found)  # type: ignore[dict-item]
    assert (ahead.plan, ahead.notes) == (made, ())


def test_nothing_but_silence_is_refused_as_the_job_would_be(tmp_path: Path) -> None:
    film = numbered(tmp_path / "a.mkv", 25)
    task = Edit(silence=LEVEL)
    with pytest.raises(Unresolvable, match="nothing is heard") as refused:
        foresee(planned(task, video=film), {"video": film}, facts(task, {"video": film}))
    assert refused.value.body.param == "silence"
    assert refused.value.body.hint


def test_a_long_film_is_not_listened_to(film: Path) -> None:
    task = Edit(silence=LEVEL)
    found = facts(task, {"video": film})
    long = {"video": found["video"].model_copy(update={"seconds": MOST_SECONDS + 1})}
    plan = resolve(task, long).plan
    assert isinstance(plan, EditPlan)
    ahead = foresee(plan, {}, long)
    assert ahead.plan is plan
    assert "600 s" in ahead.notes[0]


def test_a_file_that_cannot_be_heard_leaves_a_note(tmp_path: Path, film: Path) -> None:
    """As one that takes too long: it is left to the worker, which says what is wrong."""
    task = Edit(silence=LEVEL)
    damaged = tmp_path / "b.mkv"
    damaged.write_bytes(os.urandom(2000))
    plan, found = planned(task, video=film), facts(task, {"video": film})
    ahead = foresee(plan, {"video": damaged}, found)
    assert ahead.plan is plan
    assert "in its bounds" in ahead.notes[0]
