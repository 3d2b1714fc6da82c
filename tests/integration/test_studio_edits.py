"""Edits as the users of the cutting room meet them."""

import json
from pathlib import Path

import pytest

from tests.cutting import clicks, numbered, numbers
from tests.films import ffmpeg
from tests.integration.test_studio import asked, downloaded, studio
from tests.live import LiveService
from tests.unit.media.ffprobe import decode_rgb

__all__ = ["studio"]


def test_clips_of_an_upload_and_of_a_job_become_one_film(
    studio: LiveService, tmp_path: Path
) -> None:
    """A form brings a video and a picture; another job's film comes by its id, and is cut."""
    first = numbered(tmp_path / "a.mkv", 50, "25", (30,))
    overlay = tmp_path / "logo.png"
    ffmpeg("-f", "lavfi", "-i", "color=white:size=20x20", "-frames:v", 1, overlay)
    asked_for = {"clips": json.dumps([{"start": 1, "end": 1.6}, {"start": 0, "end": 0.4}])}
    job = asked(studio, "/video/edit", {"video": first}, **asked_for)
    film = downloaded(studio, job, tmp_path)
    assert numbers(film) == [*range(25, 40), *range(10)]
    assert clicks(film) == pytest.approx([5], abs=0.5)
    assert [one["start"] for one in job["result"]["report"]["timeline"]] == [1, 0]

    body = {
        "inputs": {"cut": {"job": job["id"]}},
        "clips": [{"source": "cut", "cut": [{"start": 0.2, "end": 0.4}]}],
        "texts": [{"text": "a'b: {c} %{d}", "size": 0.3}],
        "resolution": "320x64",
    }
    dry = studio.client.post("/video/edit", json=body | {"dry_run": True}).json()
    plan = dry["resolved"]["plan"]
    assert plan["takes"][0]["spans"] == [{"start": 0, "end": 5}, {"start": 10, "end": 25}]
    answer = studio.client.post("/video/edit", json=body)
    assert answer.status_code == 202, answer.text
    done = studio.wait_for(answer.json()["id"], "completed")
    assert (done["result"]["width"], done["result"]["duration_seconds"]) == (320, 0.8)
    over = asked(studio, "/video/edit", {"video": film, "overlay": overlay}, overlays="[{}]")
    assert decode_rgb(downloaded(studio, over, tmp_path), 160, 32)[12].max() > 200


def test_a_dry_run_shows_which_pauses_go(studio: LiveService, tmp_path: Path) -> None:
    first = numbered(tmp_path / "a.mkv", 100, "25", (30, 70), lasting=0.4)
    cut = asked(studio, "/video/edit", {"video": first}, clips='[{"end": 3.8}]')
    body = {"video": {"job": cut["id"]}, "silence": {"method": "level", "min_silence": 0.5}}
    dry = studio.client.post("/video/edit", json=body | {"dry_run": True}).json()
    plan, notes = dry["resolved"]["plan"], dry["notes"]
    shown = [(one["start"] / 25, one["end"] / 25) for one in plan["takes"][0]["spans"]]
    job = studio.client.post("/video/edit", json=body).json()
    assert job["resolved"]["plan"]["seconds"] > plan["seconds"]
    made = studio.wait_for(job["id"], "completed")["result"]
    assert [(one["start"], one["end"]) for one in made["report"]["timeline"]] == shown
    assert (len(shown), notes) == (2, [])
    assert made["duration_seconds"] == pytest.approx(plan["seconds"])


def test_templates_are_listed_and_set_what_is_left_out(studio: LiveService, tmp_path: Path) -> None:
    listed = {one["name"]: one for one in studio.get("/video/templates")["templates"]}
    assert listed["square"]["values"] == {"aspect": "1:1", "fit": "pad", "loudness": -14.0}
    film = numbered(tmp_path / "a.mkv", 25)
    files = {"video": (film.name, film.read_bytes())}
    form = {"template": "square", "fit": "crop", "dry_run": "true"}
    dry = studio.client.post("/video/edit", data=form, files=files).json()
    assert dry["requested"]["task"]["template"] == "square"
    plan = dry["resolved"]["plan"]
    assert (plan["width"], plan["height"], plan["fit"]) == (32, 32, "crop")
    form["template"] = "nothing"
    refused = studio.client.post("/video/edit", data=form, files=files).json()["error"]
    assert refused["param"] == "template"
    assert "GET /video/templates" in refused["hint"]


def test_what_is_wrong_with_an_edit_is_said_before_it_is_queued(
    studio: LiveService, tmp_path: Path
) -> None:
    film = numbered(tmp_path / "a.mkv", 25)
    for clips, field in (
        ([{"start": 5}], "clips.0.start"),
        ([{"source": "b"}], "clips.0.source"),
        ([{"speed": 100}], "clips.0.speed"),
    ):
        form = {"clips": json.dumps(clips)}
        files = {"video": (film.name, film.read_bytes())}
        answer = studio.client.post("/video/edit", data=form, files=files)
        assert (answer.status_code, answer.json()["error"]["param"]) == (422, field)


def test_a_film_in_which_nothing_is_heard_is_told_by_its_job(
    studio: LiveService, tmp_path: Path
) -> None:
    film = numbered(tmp_path / "a.mkv", 25)
    form = {"silence": json.dumps({"method": "level"})}
    files = {"video": (film.name, film.read_bytes())}
    answer = studio.client.post("/video/edit", data=form, files=files)
    job = studio.wait_for(answer.json()["id"], "failed")
    assert (job["error"]["code"], job["error"]["param"]) == ("unresolvable", "silence")
