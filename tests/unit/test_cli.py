"""The command line's parts that need no service."""

import tomllib
from pathlib import Path

import pytest
from setuptools import find_packages

from scripts.cli.client import address_of
from scripts.cli.errors import CliError
from scripts.cli.events import Event, events_of
from scripts.cli.show import Output
from scripts.cli.sources import keyframes_of, references_of
from scripts.cli.studio import task_of
from scripts.cli.watching import doing, time_left
from tests.live import ROOT


def test_the_entry_point_is_there():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["project"]["scripts"] == {"videosdgx": "scripts.cli.main:main"}
    packages = project["tool"]["setuptools"]["packages"]["find"]
    assert {"scripts", "scripts.cli"} <= set(find_packages(str(ROOT), exclude=packages["exclude"]))
    pins = project["project"]["optional-dependencies"]
    assert set(pins["cli"]) <= set(pins["dev"])


def test_events_are_read_as_browsers_do():
    lines = [": still there", "", "event: state", 'data: {"a":', "data: 1}", "id: 7", ""]
    lines += ["data:plain", "", "event: half"]
    whole = [Event("state", {"a": 1}, "7"), Event("message", "plain", None)]
    assert list(events_of(lines)) == whole


def test_services_have_names_and_urls(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WAN21_PORT", "9002")
    assert address_of("wan21") == "http://127.0.0.1:9002"
    assert address_of("https://spark:8443/videos/") == "https://spark:8443/videos"
    for wrong in ("sora", "http://[", "ftp://spark"):
        with pytest.raises(CliError) as refusal:
            address_of(wrong)
        assert refusal.value.status == 2


def test_a_job_that_was_made_before_says_so(capsys: pytest.CaptureFixture[str]):
    answer = {"resolved": {"prompt": "a cat"}, "adjustments": [], "seconds": 5}
    for before, said in ((None, False), ("0" * 32, True)):
        Output(as_json=False).dry_run(answer | {"cached_from": before})
        assert (f"cached from {'0' * 32}" in capsys.readouterr().out) is said


def test_the_services_own_estimate_is_shown():
    job = {"state": "running", "progress": {"seconds_left": 65.2, "phase": "denoising"}}
    assert (doing(job), time_left(job)) == ("denoising", "about 0:01:05 left")
    assert time_left(job | {"eta": {"seconds": 3600}}) == "about 1:00:00 left"
    assert time_left(job | {"state": "completed"}) == ""


def test_keyframes_are_files_or_frames_of_jobs(tmp_path: Path):
    picture, job = tmp_path / "a@b.png", "0" * 32
    picture.write_bytes(b"hi")
    assert keyframes_of([f"{picture}@48", f"{job}:3@-1", f"{job}@0"]) == {
        "keyframes": [
            {"image": "aGk=", "frame": 48},
            {"image": {"job": job, "frame": 3}, "frame": -1},
            {"image": {"job": job}, "frame": 0},
        ]
    }
    assert keyframes_of(None) == {}
    for wrong in ("cat.png", "cat.png@", "@3", "none.png@3"):
        with pytest.raises(CliError) as refused:
            keyframes_of([wrong])
        assert refused.value.body["param"] == "--keyframe"


def test_reference_images_are_files_or_frames_of_jobs(tmp_path: Path):
    picture, job = tmp_path / "cat.png", "0" * 32
    picture.write_bytes(b"hi")
    assert references_of([str(picture), f"{job}:3"]) == {
        "reference_images": ["aGk=", {"job": job, "frame": 3}]
    }
    assert references_of(None) == {}
    with pytest.raises(CliError) as refused:
        references_of(["none.png"])
    assert refused.value.body["param"] == "--reference-image"


def test_fields_of_the_cutting_room_are_values_files_and_jobs(tmp_path: Path):
    digits, other = "1" * 32, "0a" * 16  # the first is a number to JSON
    given = [f"inputs.first={digits}", f"inputs.second={other}", "style.size=7", "clips=[1]"]
    fields, files = task_of("edit", [*given, "captions=auto", "video=@a b.mp4"])
    assert fields == {
        "inputs": {"first": {"job": digits}, "second": {"job": other}},
        "style": {"size": 7},
        "clips": [1],
        "captions": "auto",
    }
    assert files == {"video": Path("a b.mp4")}
