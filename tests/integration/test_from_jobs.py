"""A finished job stands for an upload: it goes on, a span is made anew, it lends a frame."""

import json
import shutil
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from scripts.shapes.asking import frames_of
from tests.integration import pictures
from tests.integration.answers import error_of
from tests.live import LiveService
from tests.unit.media.ffprobe import probe, stream

UNKNOWN = "0" * 32


@pytest.fixture
def first(service: LiveService) -> str:
    return str(service.finish(num_frames=9, fps=8, generate_audio=True, seed=1)["id"])


def file_of(service: LiveService, job: dict[str, Any], folder: Path) -> Path:
    path = folder / f"{job['id']}.mp4"
    path.write_bytes(service.client.get(job["links"]["download"]).content)
    return path


def post(service: LiveService, **fields: Any) -> httpx.Response:
    return service.client.post("/generate", json={"prompt": "x", **fields})


def test_a_video_goes_on_with_its_sound(service: LiveService, first: str, tmp_path: Path) -> None:
    job = service.finish(extend=first, num_frames=8, seed=2)
    source = file_of(service, service.job(first), tmp_path)
    made = file_of(service, job, tmp_path)
    assert (job["requested"]["extend"], job["resolved"]["extend_frames"]) == (first, 9)
    assert job["result"]["num_frames"] == 17
    assert job["result"]["duration_seconds"] == pytest.approx(17 / 8, abs=1e-3)
    video, sound = stream(probe(made), "video"), stream(probe(made), "audio")
    assert float(sound["duration"]) == pytest.approx(float(video["duration"]), abs=0.05)
    old, new = frames_of(source), frames_of(made)
    assert np.abs(old.astype(int) - new[:9].astype(int)).mean() < 2
    assert np.abs(old[-1].astype(int) - new[-1].astype(int)).mean() > 2, "another level of grey"


def test_it_is_made_although_the_first_one_is_removed(service: LiveService, first: str) -> None:
    slow = service.submit(options={"step_seconds": 0.3})
    job_id = service.submit(extend=first, num_frames=4)
    assert service.client.delete(f"/jobs/{first}").is_success
    service.cancel(slow)
    assert service.wait_for(job_id, "completed")["result"]["num_frames"] == 13
    assert post(service, extend=first).status_code == 404


def test_a_span_is_made_anew(service: LiveService, first: str) -> None:
    job = service.finish(retake={"job": first, "from": 0.25, "to": 0.5}, seed=2)
    assert job["requested"]["retake"] == {"job": first, "from": 0.25, "to": 0.5}
    assert (job["resolved"]["retake_from"], job["resolved"]["retake_to"]) == (2, 4)
    assert (job["result"]["num_frames"], job["result"]["has_audio"]) == (9, True)


def test_a_form_and_a_client_of_openai_say_it_too(service: LiveService, first: str) -> None:
    span = json.dumps({"job": first, "from": 0, "to": 1})
    picture = json.dumps({"job": first})
    for fields in ({"extend": first}, {"retake": span}, {"image": picture}):
        form = {name: (None, text) for name, text in {"prompt": "x", **fields}.items()}
        for path in ("/generate", "/v1/videos"):
            theirs = {
                "input_reference" if name == "image" else name: text for name, text in form.items()
            }
            answer = service.client.post(path, files=form if path == "/generate" else theirs)
            assert answer.is_success, answer.text
            (name,) = fields
            assert service.job(answer.json()["id"])["resolved"][name]


def test_a_remix_has_the_frame_that_was_lent_although_its_job_is_removed(
    service: LiveService, first: str
) -> None:
    lent = service.finish(image={"job": first})
    assert service.client.delete(f"/jobs/{first}").is_success
    answer = service.client.post(f"/v1/videos/{lent['id']}/remix", json={"prompt": "y"})
    assert answer.is_success, answer.text
    assert service.wait_for(answer.json()["id"], "completed")["resolved"]["image"]


def test_a_remix_and_a_batch_begin_with_it_too(service: LiveService, first: str) -> None:
    longer = service.finish(extend=first, num_frames=4)
    answer = service.client.post(f"/v1/videos/{longer['id']}/remix", json={"prompt": "y"})
    assert answer.is_success, answer.text
    again = service.wait_for(answer.json()["id"], "completed")
    assert again["result"]["num_frames"] == 13
    requests = [{"prompt": "x", "extend": first}, {"prompt": "x", "extend": UNKNOWN}]
    batch = service.client.post("/generate/batch", json={"requests": requests}).json()
    good, bad = batch["members"]
    assert good["job_id"]
    assert bad["error"]["param"] == "requests.1.extend"
    key = {"image": {"job": first}, "frame": 1}
    shared = {"requests": [{"prompt": "x"}, {"prompt": "x", "keyframes": [key]}]}
    form = {"batch": (None, json.dumps(shared)), "image": ("a.png", pictures.png(), "image/png")}
    good, bad = service.client.post("/generate/batch", files=form).json()["members"]
    assert good["job_id"]
    assert bad["error"]["param"] == "requests.1.keyframes"


@pytest.mark.parametrize(
    ("fields", "param", "words"),
    [
        ({"extend": UNKNOWN}, "extend", "no finished job"),
        ({"extend": "../../etc/passwd"}, "extend", "the id of a job"),
        ({"image": {"job": UNKNOWN}}, "image", "no finished job"),
        ({"image": {"jobs": "x"}}, "image.job", "must be given"),
        ({"image": 7}, "image", "must be text"),
        ({"image": {"job": "FIRST", "frame": 9}}, "image.frame", "has 9 frames"),
        ({"image": {"job": "FIRST", "frame": -10}}, "image.frame", "has 9 frames"),
        ({"retake": {"job": "FIRST", "from": 0, "to": 2}}, "retake.to", "1.12 seconds"),
        ({"retake": {"job": "FIRST", "from": 1, "to": 1}}, None, "after retake.from"),
        ({"retake": {"job": "FIRST", "from": 0, "to": 1}, "duration": 2}, None, "keeps the length"),
        ({"extend": "FIRST", "image": {"job": "FIRST"}}, "extend", "not with both"),
        ({"extend": "FIRST", "video": {"job": "FIRST"}}, None, "one of video, extend"),
        ({"strength": 0.5}, "strength", "there is none"),
        ({"video": {"job": "FIRST"}, "strength": 0.5}, "strength", "makes no video anew"),
        ({"video": {"job": "FIRST"}}, "video", "does not continue"),
        ({"last_image": {"job": "FIRST"}}, "last_image", "ends with no picture"),
        ({"keyframes": [{"image": {"job": "FIRST"}, "frame": 1}]}, "keyframes", "takes no picture"),
        (
            {"keyframes": [{"image": {"job": UNKNOWN}, "frame": 1}]},
            "keyframes.0.image",
            "no finished job",
        ),
    ],
    ids=str,
)
def test_what_cannot_be_is_refused(
    service: LiveService, first: str, fields: dict[str, Any], param: str | None, words: str
) -> None:
    sent = json.loads(json.dumps(fields).replace("FIRST", first))
    before = service.inputs()
    answer = post(service, **sent)
    assert answer.status_code == (404 if "no finished job" in words else 422), answer.text
    error = error_of(answer)
    assert words in error["message"]
    assert param is None or error["param"] == param
    assert error["hint"]
    assert service.inputs() == before


def test_to_clients_of_openai_it_is_named_as_they_sent_it(service: LiveService, first: str) -> None:
    for fields, param in (
        ({"video": {"job": UNKNOWN}}, "video"),
        ({"input_reference": {"job": first, "frame": 99}}, "input_reference.frame"),
    ):
        answer = service.client.post("/v1/videos", json={"prompt": "x", **fields})
        assert answer.json()["error"]["param"] == param, answer.text


def test_what_is_not_finished_is_told_so(service: LiveService) -> None:
    slow = service.submit(options={"step_seconds": 0.3})
    answer = post(service, extend=slow)
    error = error_of(answer)
    assert answer.status_code == 409
    assert (error["param"], "completed" in error["hint"]) == ("extend", True)
    service.cancel(slow)


def test_of_another_service_on_this_machine(service: LiveService, first: str) -> None:
    """Its database is its own; its outputs lie beside ours."""
    other = UNKNOWN.replace("0", "a")
    (ours,) = service.videos(first)
    theirs = ours.parents[1] / "another" / f"{other}-{ours.name.rpartition('-')[2]}"
    shutil.copytree(ours, theirs)
    assert service.finish(extend=other, num_frames=4)["result"]["num_frames"] == 13
    manifest = theirs / "manifest.json"
    said = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**said, "kind": "text"}))
    assert error_of(post(service, extend=other))["param"] == "extend"
    shutil.rmtree(theirs.parent)


def test_a_film_of_the_cutting_room_is_an_input_like_an_upload(
    service: LiveService, first: str
) -> None:
    cut = UNKNOWN.replace("0", "b")
    (ours,) = service.videos(first)
    theirs = ours.parents[1] / "another" / f"{cut}-{ours.name.rpartition('-')[2]}"
    shutil.copytree(ours, theirs)
    manifest = theirs / "manifest.json"
    said = json.loads(manifest.read_text())
    result = {"operation": "edit", "folder": "", "file": "video.mp4"}
    manifest.write_text(json.dumps({**said, "job_id": cut, "kind": "edit", "result": result}))
    larger = {"strength": 0, "enable_upscaling": True, "upscaling_scale": 2}
    made = service.client.post("/generate", json={"video": {"job": cut}, **larger})
    width = service.job(first)["result"]["width"]
    done = service.wait_for(made.json()["id"], "completed")
    assert done["requested"]["video"] == {"job": cut}
    assert (done["result"]["width"], done["result"]["num_frames"]) == (2 * width, 9)
    error = error_of(post(service, extend=cut))
    assert (error["param"], "no video that a model" in error["message"]) == ("extend", True)
    shutil.rmtree(theirs.parent)
