"""``videosdgx studio`` as a user runs it, on a real cutting room."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.films import film
from tests.integration.test_cli import UNKNOWN, Shell
from tests.integration.test_models import serving
from tests.live import LiveService
from tests.unit.media.ffprobe import probe, stream

SRT = "1\n00:00:00,100 --> 00:00:00,900\nHELLO\n"


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveService]:
    folder = tmp_path_factory.mktemp("studio")
    with serving("studio", folder / "models", folder) as service:
        yield service


@pytest.fixture
def shell(studio: LiveService, tmp_path: Path) -> Iterator[Shell]:
    opened = Shell(tmp_path, studio.url)
    film(tmp_path / "a.mp4", 24)
    (tmp_path / "a.srt").write_text(SRT)
    yield opened
    opened.close()


def test_a_film_is_captioned_and_what_came_of_it_is_cut(studio: LiveService, shell: Shell) -> None:
    sent = ["video=@a.mp4", "captions=@a.srt", "style.place=top"]
    named = ["--output-filename", "hello.mp4"]
    shell("studio", "caption", *sent, *named, "-o", "films/")
    made = shell.folder / "films" / "hello.mp4"
    assert stream(probe(made), "video")["nb_read_frames"] == "24"
    (job,) = shell("list", "--limit", "1", "--json").json
    assert job["requested"]["task"] == {"operation": "caption", "style": {"place": "top"}}
    assert "caption" in shell("list", "--limit", "1").out

    (shell.folder / "cut.yaml").write_text("clips:\n- {start: 0.25, end: 0.75}\n")
    shell("studio", "edit", f"video={job['id']}", "--from", "cut.yaml", "-o", "cut.mp4")
    assert stream(probe(shell.folder / "cut.mp4"), "video")["nb_read_frames"] == "12"


def test_what_would_be_made_is_said(shell: Shell) -> None:
    said = shell("studio", "edit", "video=@a.mp4", "aspect=1:1", "--dry-run").out
    assert "edit" in said
    plan = next(line for line in said.splitlines() if line.startswith("plan"))
    assert json.loads(plan.removeprefix("plan"))["width"] == 120
    assert not shell("list", "--json").json or "1:1" not in shell("list").out


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["caption", "video"], 2, "has no name and value"),
        (["caption", "video=@none.mp4"], 2, "none.mp4 cannot be read"),
        (["edit", "look=1", "look.size=2"], 2, "look has a value"),
        (["edit", "--from", "none.yaml"], 2, "none.yaml"),
        (["paint", "video=@a.mp4"], 4, "must have one of 'transcribe', 'caption'"),
        (["caption", f"video={UNKNOWN}", "captions=auto"], 4, UNKNOWN),
    ],
)
def test_what_is_wrong_is_named(shell: Shell, words: list[str], code: int, said: str) -> None:
    ran = shell("studio", *words, code=code)
    assert said in ran.err
    assert ran.out == ""
