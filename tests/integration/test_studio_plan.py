"""Every route of the first plan, called as its clients call it: nothing but the plan's examples."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from PIL import Image

from common.api.auth.caller import Scope
from common.api.auth.keys import line_for, new_key
from tests import speech
from tests.films import ffmpeg
from tests.integration.test_models import serving
from tests.integration.test_studio import FETCHING, SRT, shelf
from tests.live import LiveService, wait_until

__all__ = ["shelf"]

KEY = new_key()
ROUTES: dict[str, dict[str, Any]] = {
    "/transcribe": {
        "url_video": "{shelf}/a.mp4",
        "path": "legendas/2025",
        "output_filename": "aula.srt",
    },
    "/video/caption": {
        "url_video": "{shelf}/a.mp4",
        "url_srt": "{shelf}/a.srt",
        "path": "videos/2025",
        "output_filename": "aula legendada.mp4",
    },
    "/video/addaudio": {
        "url_video": "{shelf}/a.mp4",
        "url_audio": "{shelf}/b.mp4",
        "path": "videos/2025",
        "output_filename": "aula_com_áudio.mp4",
    },
    "/video/img2vid": {
        "images": [{"id": "a", "image_url": "{shelf}/a.png", "duracao": 0.25}],
        "path": "videos/2025",
        "output_filename": "imagens.mp4",
    },
    "/video/edit": {
        "url_video": "{shelf}/a.mp4",
        "path": "videos/2025",
        "output_filename": "cortes.mp4",
    },
}


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveService]:
    folder = tmp_path_factory.mktemp("plan")
    settings = {"studio_checkpoint": speech.tiny_en(folder / "models").name}
    keys = {"api_keys": line_for("n8n", Scope.USER, KEY)}
    with serving("studio", folder / "models", folder, **settings, **keys, **FETCHING) as service:
        yield service


@pytest.fixture
def files(tmp_path: Path) -> None:
    """What the plan's addresses lead to."""
    picture = ("-f", "lavfi", "-i", "testsrc=size=160x90:rate=24")
    sound = ("-f", "lavfi", "-i", "sine")
    for name in ("a.mp4", "b.mp4"):
        ffmpeg(*picture, *sound, "-t", "1", "-pix_fmt", "yuv420p", tmp_path / name)
    (tmp_path / "a.srt").write_text(SRT)
    Image.new("RGB", (64, 36), "red").save(tmp_path / "a.png")


def on(shelf: str, part: Any) -> Any:
    """A body with the addresses of what is on the shelf."""
    if isinstance(part, dict):
        return {name: on(shelf, one) for name, one in part.items()}
    if isinstance(part, list):
        return [on(shelf, one) for one in part]
    return part.replace("{shelf}", shelf) if isinstance(part, str) else part


def call(service: LiveService, method: str, path: str, **sent: Any) -> Any:
    return service.client.request(method, path, headers={"X-API-Key": KEY}, **sent)


@pytest.mark.usefixtures("files")
def test_every_route_of_the_plan_takes_its_body_and_is_followed_to_the_end(
    studio: LiveService, shelf: str
) -> None:
    sent = {}
    for path, body in ROUTES.items():
        assert studio.client.post(path, json=on(shelf, body)).status_code == 401
        answer = call(studio, "POST", path, json=on(shelf, body))
        assert answer.status_code == 202, answer.text
        told = answer.json()
        assert (told["status"], told["output_url"]) == ("queued", None)
        assert [one["field"] for one in told["adjustments"]] == ["path"], "there is no bucket"
        sent[path] = told["job_id"]
    for path, job_id in sent.items():
        seen = list[str]()

        def ended(job_id: str = job_id, seen: list[str] = seen) -> Any:
            job = call(studio, "GET", f"/job/{job_id}").json()
            seen.append(job["status"])
            return job if job["status"] not in ("queued", "processing") else None

        job = wait_until(ended, 120, f"{path} has ended")
        assert (job["job_id"], job["status"], job["error"]) == (job_id, "completed", None), path
        assert set(seen) <= {"queued", "processing", "completed"}
        made = call(studio, "GET", job["output_url"])
        assert made.status_code == 200
        name = ROUTES[path]["output_filename"]
        assert saved_as(made.headers["content-disposition"]) == name
    assert call(studio, "POST", f"/job/{job_id}/cancel").status_code == 409


def saved_as(header: str) -> str:
    """The name that a browser takes (RFC 6266, 4.3)."""
    real = header.partition("filename*=UTF-8''")[2]
    return unquote(real) if real else header.partition('filename="')[2].removesuffix('"')


@pytest.mark.usefixtures("files")
def test_a_job_of_the_plan_is_cancelled(studio: LiveService, shelf: str) -> None:
    pictures = [{"id": "a", "image_url": f"{shelf}/a.png", "duracao": 60}]
    job_id = call(studio, "POST", "/video/img2vid", json={"images": pictures}).json()["job_id"]
    assert call(studio, "POST", f"/job/{job_id}/cancel").status_code == 200

    def cancelled() -> bool:
        return bool(call(studio, "GET", f"/job/{job_id}").json()["status"] == "cancelled")

    wait_until(cancelled, 60, "it is cancelled")
