"""More frames and larger ones, through a service to the file."""

from pathlib import Path
from typing import Any

import pytest

from common.base.errors import Unresolvable
from common.kinds.video.afterwards import Afterwards
from tests.films import film
from tests.integration.answers import error_of
from tests.live import LiveService, wait_until
from tests.unit.media.ffprobe import probe, stream

SMOOTHER, LARGER = {"enable_frame_interpolation": True}, {"enable_upscaling": True}


def made(service: LiveService, folder: Path, **fields: Any) -> tuple[dict[str, Any], Any]:
    job = service.finish(**fields)
    file = folder / "video.mp4"
    file.write_bytes(service.client.get(job["links"]["download"]).content)
    return job, probe(file)


@pytest.mark.parametrize("exp", [1, 2])
def test_smoother_and_larger_with_its_sound(service: LiveService, tmp_path: Path, exp: int) -> None:
    wanted = {"enable_frame_interpolation": True, "frame_interpolation_exp": exp}
    fields = wanted | {"enable_upscaling": True, "num_frames": 9, "fps": 8, "generate_audio": True}
    job, file = made(service, tmp_path, **fields)
    resolved, result = job["resolved"], job["result"]
    assert (resolved["num_frames"], resolved["frame_interpolation_exp"]) == (9, exp)
    assert result["num_frames"] == (9 - 1) * 2**exp + 1
    assert result["fps"] == 8 * 2**exp
    video, sound = stream(file, "video"), stream(file, "audio")
    assert int(video["nb_read_frames"]) == result["num_frames"]
    assert (video["width"], video["height"]) == (2 * resolved["width"], 2 * resolved["height"])
    assert float(sound["duration"]) == pytest.approx(float(video["duration"]), abs=0.05)


def test_nothing_of_it_by_itself(service: LiveService) -> None:
    job = service.finish()
    assert (job["resolved"]["frame_interpolation_exp"], job["resolved"]["upscaling_scale"]) == (
        0,
        1,
    )
    assert {"frame_interpolation", "upscaling"} <= set(service.get("/info")["capabilities"])


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"frame_interpolation_exp": 1}, None),
        ({"upscaling_scale": 2}, None),
        ({"enable_upscaling": True, "upscaling_scale": 3}, "upscaling_scale"),
        (
            {"enable_frame_interpolation": True, "frame_interpolation_exp": 3},
            "frame_interpolation_exp",
        ),
    ],
)
def test_what_cannot_be_is_refused(
    service: LiveService, fields: dict[str, Any], param: str | None
) -> None:
    answer = service.client.post("/generate", json={"prompt": "x", **fields})
    assert answer.status_code == 422, answer.text
    assert param is None or error_of(answer)["param"] == param


def test_a_client_of_openai_asks_for_it_too(service: LiveService) -> None:
    fields = {"prompt": "x", "enable_upscaling": "true", "upscaling_scale": "4"}
    fields |= {"upscaler": "realesr-animevideov3"}
    form = {name: (None, value) for name, value in fields.items()}
    answer = service.client.post("/v1/videos", files=form)
    assert answer.status_code == 200, answer.text
    assert service.job(answer.json()["id"])["resolved"]["upscaling_scale"] == 4
    body = {"prompt": "x", "extra_body": {"enable_frame_interpolation": True}}
    job = service.client.post("/v1/videos", json=body).json()
    assert service.job(job["id"])["resolved"]["frame_interpolation_exp"] == 1


def test_a_cancel_in_the_midst_leaves_nothing(service: LiveService) -> None:
    job_id = service.submit(enable_upscaling=True, upscaling_scale=4, num_frames=65)
    service.wait_for(job_id, "encoding_video")
    assert service.cancel(job_id).is_success
    service.wait_for(job_id, "cancelled")
    assert service.videos(job_id) == []
    assert service.partials() == []


@pytest.mark.parametrize(
    ("asked", "size", "param"),
    [
        (LARGER | {"upscaling_scale": 4}, (1088, 64, 24), "upscaling_scale"),
        (LARGER, (64, 2080, 24), "upscaling_scale"),
        (SMOOTHER | {"frame_interpolation_exp": 2}, (64, 64, 61), "frame_interpolation_exp"),
    ],
)
def test_what_no_player_would_take_is_refused(
    asked: dict[str, Any], size: tuple[int, int, float], param: str
) -> None:
    with pytest.raises(Unresolvable) as caught:
        Afterwards.model_validate(asked).resolved(*size)
    assert caught.value.body.param == param
    assert caught.value.body.hint


def test_a_finished_video_is_made_larger_and_smoother_without_a_model(
    service: LiveService, tmp_path: Path
) -> None:
    first = service.finish(num_frames=9, fps=8, generate_audio=True)
    assert service.client.post("/unload").is_success
    wait_until(lambda: not service.get("/metrics")["model_loaded"])
    wanted = {"video": {"job": first["id"]}, "strength": 0, **SMOOTHER, **LARGER}
    answer = service.client.post("/generate", json=wanted)
    assert answer.status_code == 202, answer.text
    job = service.wait_for(answer.json()["id"], "completed")
    result, old = job["result"], first["result"]
    assert (result["width"], result["height"]) == (2 * old["width"], 2 * old["height"])
    assert (result["num_frames"], result["fps"], result["has_audio"]) == (17, 16, True)
    assert result["checkpoint"] == "realesr-animevideov3"
    assert not service.get("/metrics")["model_loaded"]
    assert set(result["timings"]) == {"encoding_video"}
    remix = service.client.post(f"/v1/videos/{job['id']}/remix", json={"prompt": "y"})
    assert remix.status_code == 409, "there is no prompt to change"


def test_an_uploaded_video_is_made_larger(service: LiveService, tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", 11, 12, "62x47")
    with path.open("rb") as file:
        form = {"strength": "0", "enable_upscaling": "true"}
        answer = service.client.post("/generate", data=form, files={"video": ("a.mp4", file)})
    assert answer.status_code == 202, answer.text
    result = service.wait_for(answer.json()["id"], "completed")["result"]
    size = (result["width"], result["height"], result["num_frames"], result["fps"])
    assert size == (124, 92, 11, 12)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({}, "nothing else is asked for"),
        ({**LARGER, "num_frames": 5}, "keeps its own length"),
        ({**LARGER, "resolution": "64x64"}, "keeps its own length"),
    ],
)
def test_what_is_only_refined_has_nothing_else(
    service: LiveService, more: dict[str, Any], words: str
) -> None:
    first = service.finish(num_frames=5)["id"]
    body = {"video": {"job": first}, "strength": 0, **more}
    error = error_of(service.client.post("/generate", json=body))
    assert (error["param"], words in error["message"]) == ("strength", True)
