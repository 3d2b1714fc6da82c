"""The official OpenAI client, unchanged, makes, follows, lists, fetches and removes videos."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from openai import ConflictError, NotFoundError, OpenAI
from openai.types import Video

from tests.integration import pictures
from tests.integration.openai_client import openai_client
from tests.integration.test_routes import LONG
from tests.live import LiveService
from tests.unit.media.ffprobe import probe, stream

# The hosted service is gone, and the client says so at every call.
pytestmark = pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning")

PROMPT = "A red balloon over São Paulo, at dawn"
SLOW = {"options": LONG["options"], "num_inference_steps": LONG["num_inference_steps"]}


@pytest.fixture
def openai(service: LiveService) -> Iterator[OpenAI]:
    with openai_client(service) as client:
        yield client


@pytest.fixture(scope="module")
def video(shared: LiveService) -> Video:
    """One finished video, for all tests that only look at it."""
    if not shared.running:
        shared.start()
    for job in shared.jobs():  # a long one of the test before
        shared.cancel(job["id"])
    with openai_client(shared) as client:
        return client.videos.create_and_poll(
            prompt=PROMPT,
            model="toy",
            seconds="4",
            size="96x64",  # type: ignore[arg-type]  # theirs are few
        )


def test_created_it_waits_in_the_queue_with_what_will_be_made(openai: OpenAI) -> None:
    answer = openai.videos.with_raw_response.create(prompt="x", seconds="4", extra_body=SLOW)
    video = answer.parse()
    assert (video.object, video.status, video.progress) == ("video", "queued", 0)
    assert (video.model, video.prompt, video.size) == ("toy", "x", "64x48")
    assert float(video.seconds) == pytest.approx(33 / 8)
    assert (video.completed_at, video.error, video.remixed_from_video_id) == (None, None, None)
    assert int(answer.headers["openai-poll-after-ms"]) > 0


def test_create_and_poll_answers_the_finished_video(video: Video, shared: LiveService) -> None:
    assert (video.status, video.progress, video.error) == ("completed", 100, None)
    assert (video.size, video.prompt) == ("96x64", PROMPT)
    assert video.completed_at is not None
    assert video.completed_at >= video.created_at
    assert shared.job(video.id)["requested"] == {
        "prompt": PROMPT, "duration": 4.0, "resolution": "96x64",
    }  # fmt: skip


def test_a_finished_video_is_not_polled_any_more(openai: OpenAI, video: Video) -> None:
    answer = openai.videos.with_raw_response.retrieve(video.id)
    assert answer.parse() == video
    assert "openai-poll-after-ms" not in answer.headers


def test_the_extra_fields_of_other_servers_are_taken(openai: OpenAI, service: LiveService) -> None:
    extra = {
        "width": 96, "height": 64, "num_frames": 17, "fps": 16, "num_inference_steps": 2,
        "guidance_scale": 3.5, "seed": 5, "negative_prompt": "blur", "generate_sound": False,
        "options": {"step_seconds": 0.01},
    }  # fmt: skip
    made = openai.videos.create(prompt="x", extra_body=extra)
    resolved = service.job(made.id)["resolved"]
    assert (resolved["width"], resolved["height"], resolved["num_frames"]) == (96, 64, 17)
    assert (resolved["fps"], resolved["seed"], resolved["guidance_scale"]) == (16, 5, 3.5)
    assert (resolved["num_inference_steps"], resolved["negative_prompt"]) == (2, "blur")
    assert (resolved["generate_audio"], resolved["options"]["step_seconds"]) == (False, 0.01)


def test_jobs_made_elsewhere_are_videos_and_the_reverse(
    openai: OpenAI, service: LiveService
) -> None:
    there = service.submit(prompt="made there")
    here = openai.videos.create(prompt="made here").id
    assert openai.videos.retrieve(there).prompt == "made there"
    assert service.job(here)["resolved"]["prompt"] == "made here"
    newest = [video.id for video in openai.videos.list(limit=2).data]
    assert newest == [here, there]


def test_a_running_video_says_how_far_it_is(openai: OpenAI, service: LiveService) -> None:
    made = openai.videos.create(prompt="x", extra_body=SLOW)
    service.wait_for(made.id, "denoising")
    running = openai.videos.retrieve(made.id)
    assert running.status == "in_progress"
    assert 0 <= running.progress < 100


def test_the_list_goes_on_page_by_page_in_both_orders(openai: OpenAI, service: LiveService) -> None:
    ids = [service.finish(prompt=str(number))["id"] for number in range(5)]
    first = openai.videos.list(limit=2)
    assert [video.id for video in first.data] == [ids[4], ids[3]]
    assert (first.has_more, first.last_id) == (True, ids[3])
    second = first.get_next_page()
    assert [video.id for video in second.data] == [ids[2], ids[1]]
    newest_first = [video.id for video in openai.videos.list(limit=2)]  # all pages, by itself
    oldest_first = [video.id for video in openai.videos.list(limit=3, order="asc")]
    assert newest_first[:5] == ids[::-1]
    assert oldest_first == newest_first[::-1]
    assert len(set(oldest_first)) == len(service.jobs())


def test_the_content_is_the_mp4(openai: OpenAI, video: Video, tmp_path: Path) -> None:
    path = tmp_path / "video.mp4"
    openai.videos.download_content(video.id).write_to_file(path)
    picture = stream(probe(path), "video")
    assert (picture["codec_name"], picture["width"], picture["height"]) == ("h264", 96, 64)
    assert int(picture["nb_read_frames"]) == round(float(video.seconds) * 8)


def test_a_thumbnail_is_a_picture_of_it(openai: OpenAI, video: Video) -> None:
    data = openai.videos.download_content(video.id, variant="thumbnail").content
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert picture.shape == (64, 96, 3)


def test_a_spritesheet_is_made_once(openai: OpenAI, video: Video, shared: LiveService) -> None:
    data = openai.videos.download_content(video.id, variant="spritesheet").content
    sheet = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert sheet is not None
    assert sheet.shape == (4 * 64, 4 * 96, 3)
    file = shared.videos(video.id)[0] / "spritesheet.jpg"
    made = file.stat().st_mtime_ns
    assert openai.videos.download_content(video.id, variant="spritesheet").content == data
    assert file.stat().st_mtime_ns == made
    assert {path.name for path in file.parent.iterdir()} == {
        "manifest.json", "spritesheet.jpg", "thumbnail.jpg", "video.mp4",
    }  # fmt: skip


@pytest.mark.parametrize("variant", ["video", "thumbnail", "spritesheet"])
def test_every_variant_can_be_fetched_in_parts(
    service: LiveService, video: Video, variant: str
) -> None:
    path = f"/v1/videos/{video.id}/content?variant={variant}"
    whole = service.client.get(path).content
    part = service.client.get(path, headers={"Range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, whole[100:200])
    assert part.headers["content-range"] == f"bytes 100-199/{len(whole)}"
    assert service.client.get(path, headers={"Range": "bytes=9999999-"}).status_code == 416
    head = service.client.head(path)
    assert (head.status_code, int(head.headers["content-length"])) == (200, len(whole))


def test_a_spritesheet_of_a_lost_video_is_gone_and_not_an_error_of_ours(
    service: LiveService,
) -> None:
    job_id = service.finish()["id"]
    (service.videos(job_id)[0] / "video.mp4").unlink()
    answer = service.client.get(f"/v1/videos/{job_id}/content?variant=spritesheet")
    assert (answer.status_code, answer.json()["error"]["code"]) == (410, "file_gone")


def test_deleting_removes_the_job_and_its_files(openai: OpenAI, service: LiveService) -> None:
    job_id = service.finish()["id"]
    openai.videos.download_content(job_id, variant="spritesheet")
    answer = openai.videos.delete(job_id)
    assert (answer.id, answer.deleted, answer.object) == (job_id, True, "video.deleted")
    assert service.videos(job_id) == []
    with pytest.raises(NotFoundError):
        openai.videos.retrieve(job_id)


def test_an_uploaded_picture_is_where_it_begins(openai: OpenAI, service: LiveService) -> None:
    picture = ("cat.png", pictures.png(), "image/png")
    made = openai.videos.create(prompt="x", input_reference=picture)
    job = service.wait_for(made.id, "completed")
    assert job["requested"]["image"] == "png 64x48"
    assert job["resolved"]["image"] == f"{made.id}.png"


def test_a_data_url_is_where_it_begins(openai: OpenAI, service: LiveService) -> None:
    body = {"input_reference": {"image_url": pictures.data_url()}}
    by_form = openai.videos.create(prompt="x", extra_body=body).id
    by_json = service.client.post("/v1/videos", json={"prompt": "x"} | body).json()["id"]
    for made in (by_form, by_json):
        assert service.wait_for(made, "completed")["requested"]["image"] == "png 64x48"


def test_extras_are_taken_wherever_clients_put_them(service: LiveService) -> None:
    json = {"prompt": "x", "extra_body": {"seed": 3}, "extra_params": {"fps": 16}}
    form = {"prompt": "x", "extra_body": '{"seed": 3}', "extra_params[fps]": "16"}
    parts = {name: (None, text) for name, text in form.items()}
    for answer in (
        service.client.post("/v1/videos", json=json),
        service.client.post("/v1/videos", files=parts),
    ):
        assert answer.status_code == 200, answer.text
        resolved = service.job(answer.json()["id"])["resolved"]
        assert (resolved["seed"], resolved["fps"]) == (3, 16)


def test_a_remix_changes_the_prompt_and_nothing_else(openai: OpenAI, service: LiveService) -> None:
    picture = ("cat.png", pictures.png(), "image/png")
    extra = {"seed": 9, "num_frames": 13, "options": {"step_seconds": 0.01}}
    source = openai.videos.create(prompt="a cat", input_reference=picture, extra_body=extra)
    before = service.wait_for(source.id, "completed")["resolved"]
    remix = openai.videos.remix(source.id, prompt="a dog")
    assert (remix.remixed_from_video_id, remix.prompt) == (source.id, "a dog")
    after = service.wait_for(remix.id, "completed")
    own = {"prompt": "a dog", "image": f"{remix.id}.png"}
    assert after["resolved"] == before | own
    assert after["adjustments"] == []
    openai.videos.delete(source.id)  # takes its own picture along, not the other one
    assert (service.state / "inputs" / own["image"]).is_file()


def test_a_cancelled_video_has_failed_and_says_why(openai: OpenAI, service: LiveService) -> None:
    made = openai.videos.create(prompt="x", extra_body=SLOW)
    service.cancel(made.id)
    service.wait_for(made.id, "cancelled")
    video = openai.videos.poll(made.id)
    assert video.status == "failed"
    assert video.error is not None
    assert video.error.code == "cancelled"


def test_a_failed_video_says_why(openai: OpenAI) -> None:
    wrong = {"options": {"raise_at": "denoising"}}
    video = openai.videos.create_and_poll(prompt="x", extra_body=wrong)
    assert video.status == "failed"
    assert video.error is not None
    assert video.error.code == "generation_failed"
    assert "secret" not in video.error.message


def test_an_unfinished_video_has_no_content_no_remix_and_stays(
    openai: OpenAI, service: LiveService
) -> None:
    made = openai.videos.create(prompt="x", extra_body=SLOW)
    for refused in (
        lambda: openai.videos.download_content(made.id),
        lambda: openai.videos.download_content(made.id, variant="spritesheet"),
        lambda: openai.videos.remix(made.id, prompt="y"),
        lambda: openai.videos.delete(made.id),
    ):
        with pytest.raises(ConflictError):
            refused()
    assert service.job(made.id)["state"] in ("queued", "waiting", "loading", "running")


def test_the_model_is_listed_and_found_by_both_of_its_names(openai: OpenAI) -> None:
    models = list(openai.models.list())
    assert [(model.id, model.object) for model in models] == [("toy", "model")]
    assert models[0].owned_by == "videosdgx"
    assert openai.models.retrieve("videosdgx/toy") == openai.models.retrieve("toy") == models[0]
    with pytest.raises(NotFoundError) as caught:
        openai.models.retrieve("sora-2")
    assert caught.value.code == "model_not_found"


def test_after_a_removed_video_the_list_does_not_go_on(
    openai: OpenAI, service: LiveService
) -> None:
    job_id = service.finish()["id"]
    openai.videos.delete(job_id)
    with pytest.raises(NotFoundError) as caught:
        openai.videos.list(after=job_id)
    assert caught.value.param == "after"
