"""The cutting room as its users meet it."""

import json
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.films import ffmpeg, film
from tests.integration.test_models import serving
from tests.live import LiveService
from tests.unit.media.ffprobe import decode_audio, decode_rgb, packet_times, probe, stream

FETCHING = {"fetch_urls": 1, "fetch_allow_http": 1, "fetch_allow_private": 1, "fetch_ports": "any"}


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveService]:
    folder = tmp_path_factory.mktemp("studio")
    with serving("studio", folder / "models", folder, **FETCHING) as service:
        yield service


def asked(service: LiveService, path: str, files: dict[str, Path], **fields: Any) -> dict[str, Any]:
    """The finished job of a form."""
    sent = {name: (file.name, file.read_bytes()) for name, file in files.items()}
    answer = service.client.post(path, data=fields, files=sent)
    assert answer.status_code == 202, answer.text
    return service.wait_for(answer.json()["id"], "completed")


def downloaded(service: LiveService, job: dict[str, Any], folder: Path) -> Path:
    path = folder / "downloaded.mp4"
    path.write_bytes(service.client.get(job["links"]["download"]).content)
    return path


def black(path: Path, seconds: float) -> Path:
    source = f"color=black:size=320x180:rate=24:duration={seconds}"
    ffmpeg("-f", "lavfi", "-i", source, "-pix_fmt", "yuv420p", path)
    return path


def test_a_video_gets_another_sound(studio: LiveService, tmp_path: Path) -> None:
    video = film(tmp_path / "a.mp4", 48)
    tone = tmp_path / "tone.wav"
    ffmpeg("-f", "lavfi", "-i", "sine=frequency=880:duration=1", tone)
    job = asked(studio, "/video/addaudio", {"video": video, "audio": tone}, fit="cut")
    made = downloaded(studio, job, tmp_path)
    assert stream(probe(made), "video")["codec_name"] == "h264"
    sound = decode_audio(made, 2)
    assert np.abs(sound[:40000]).max() > 0.05
    assert np.abs(sound[60000:]).max() < 0.01
    assert job["result"]["report"]["padded_seconds"] > 0


def frames_of(path: Path, width: int, height: int) -> NDArray[np.uint8]:
    return decode_rgb(path, width, height)


SRT = "1\n00:00:00,500 --> 00:00:01,000\nHELLO\n"


def test_captions_are_drawn_at_their_time(studio: LiveService, tmp_path: Path) -> None:
    video = black(tmp_path / "a.mp4", seconds=2)
    captions = tmp_path / "a.srt"
    captions.write_text(SRT)
    style = '{"colour": "#ff0000", "outline": 0, "size": 20}'
    files = {"video": video, "captions": captions}
    job = asked(studio, "/video/caption", files, style=style)
    frames = frames_of(downloaded(studio, job, tmp_path), 320, 180).astype(int)
    red = (frames[..., 0] - frames[..., 2] > 100).sum(axis=(1, 2))
    assert len(frames) == 48
    assert (red[12:24] > 100).all()
    assert red[:11].max() == red[25:].max() == 0
    assert job["result"]["report"]["captions"] == 1


def test_captions_lie_beside_the_picture(studio: LiveService, tmp_path: Path) -> None:
    video = black(tmp_path / "a.mp4", seconds=2)
    captions = tmp_path / "a.srt"
    captions.write_text(SRT)
    files = {"video": video, "captions": captions}
    job = asked(studio, "/video/caption", files, mode="track", language="pt")
    made = downloaded(studio, job, tmp_path)
    track = stream(probe(made), "subtitle")
    assert (track["codec_name"], track["tags"]["language"]) == ("mov_text", "por")
    assert packet_times(made)[:3] == packet_times(video)[:3]


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[str]:
    """An address of this folder."""
    serve = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), serve) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_files_come_from_addresses(studio: LiveService, shelf: str, tmp_path: Path) -> None:
    black(tmp_path / "a.mp4", seconds=2)
    (tmp_path / "a.srt").write_text(SRT)
    body = {"video": f"{shelf}/a.mp4", "captions": f"{shelf}/a.srt", "mode": "track"}
    answer = studio.client.post("/video/caption", json=body)
    assert answer.status_code == 202, answer.text
    assert answer.json()["resolved"]["plan"] is None
    job = studio.wait_for(answer.json()["id"], "completed")
    assert job["resolved"]["plan"]["width"] == 320
    made = downloaded(studio, job, tmp_path)
    assert stream(probe(made), "subtitle")["codec_name"] == "mov_text"


def test_an_address_without_its_file_fails_the_job_alone(
    studio: LiveService, shelf: str, tmp_path: Path
) -> None:
    (tmp_path / "a.mp4").write_text("no video")
    for name, words in (("a.mp4", "video"), ("b.mp4", "404")):
        body = {"video": f"{shelf}/{name}", "captions": f"{shelf}/{name}"}
        answer = studio.client.post("/video/caption", json=body)
        job = studio.wait_for(answer.json()["id"], "failed")
        assert job["error"]["param"] == "video"
        assert words in job["error"]["message"]


def test_a_mute_film_from_an_address_is_no_sound(
    studio: LiveService, shelf: str, tmp_path: Path
) -> None:
    """As one that is sent: that is refused at once."""
    video = black(tmp_path / "a.mp4", seconds=1)
    files = {name: (video.name, video.read_bytes()) for name in ("video", "audio")}
    refused = studio.client.post("/video/addaudio", files=files)
    assert (refused.status_code, refused.json()["error"]["param"]) == (422, "audio")
    body = {"video": f"{shelf}/a.mp4", "audio": f"{shelf}/a.mp4"}
    answer = studio.client.post("/video/addaudio", json=body)
    job = studio.wait_for(answer.json()["id"], "failed")
    assert job["error"]["param"] == "audio"
    assert "no sound" in job["error"]["message"]


def test_a_job_of_this_service_is_an_input(studio: LiveService, tmp_path: Path) -> None:
    video = black(tmp_path / "a.mp4", seconds=2)
    captions = tmp_path / "a.srt"
    captions.write_text(SRT)
    first = asked(studio, "/video/caption", {"video": video, "captions": captions})
    body = {"video": {"job": first["id"]}, "captions": {"job": first["id"]}}
    refused = studio.client.post("/video/caption", json=body)
    assert refused.status_code == 422
    assert refused.json()["error"]["param"] == "captions"
    tone = tmp_path / "tone.wav"
    ffmpeg("-f", "lavfi", "-i", "sine=duration=1", tone)
    second = asked(
        studio, "/video/addaudio", {"audio": tone}, video=json.dumps({"job": first["id"]})
    )
    assert second["result"]["width"] == 320
