"""What stands in for Waver behind the real service, and that it is honest about it everywhere."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from scripts.tiny import waver as tiny
from tests.integration import pictures
from tests.integration.test_models import SMALL, made, serving
from tests.live import LiveService
from tests.unit.media.ffprobe import stream

ROOT = Path(__file__).parents[2]
CHECKPOINT = "Wan-AI/Wan2.2-TI2V-5B-Diffusers"
SMALL_ONE = "Wan-AI/Wan2.1-T2V-1.3B-Diffusers"
STANDS_IN = re.compile(r"stand(s|ing)?[-_ ]in|no lugar d[oe]")
PIPELINE = "/pipelines/{pipeline_id}"
ID_ONLY = ("/queue/status", "/metrics", "/pipelines", PIPELINE, f"{PIPELINE}/events")
"""There ``waver`` is one service's id among others; no model is named."""
PATIENCE = 240


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    tiny.build(folder)
    return folder


@pytest.fixture(scope="module")
def service(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveService]:
    with serving("waver", models, tmp_path_factory.mktemp("waver")) as running:
        yield running


@pytest.fixture(scope="module")
def job(service: LiveService) -> dict[str, Any]:
    return service.finish(timeout=PATIENCE, **SMALL)


def with_picture(service: LiveService, **options: str) -> dict[str, Any]:
    fields = {name: str(value) for name, value in SMALL.items()} | {"options": json.dumps(options)}
    files = {"image": ("cat.png", pictures.png(), "image/png")}
    answer = service.client.post("/generate", data=fields, files=files)
    assert answer.status_code == 202, answer.text
    return service.wait_for(answer.json()["id"], "completed", timeout=PATIENCE)


def test_text_and_a_picture_go_through_the_same_service(
    service: LiveService, job: dict[str, Any]
) -> None:
    pid = service.worker_pid()
    begun = with_picture(service, guidance="apg", style="anime")
    assert begun["resolved"]["image"]
    assert begun["resolved"]["guidance_scale"] == 8.0
    assert begun["resolved"]["options"]["style"] == "anime"
    assert {job["result"]["checkpoint"], begun["result"]["checkpoint"]} == {CHECKPOINT}
    assert service.worker_pid() == pid, "the weights were loaded once"


def test_it_is_quantized_and_says_so(service: LiveService, job: dict[str, Any]) -> None:
    loaded = service.get("/info")["loaded"]
    assert (loaded["quantization"], loaded["checkpoint"]) == ("fp8", CHECKPOINT)
    assert job["result"]["revision"] == loaded["revision"]


def test_the_file_is_what_was_promised_and_names_its_maker(
    service: LiveService, tmp_path: Path
) -> None:
    made_job, found = made(service, tmp_path, **SMALL)
    video, tags = stream(found, "video"), found["format"]["tags"]
    assert (video["width"], video["height"], int(video["nb_read_frames"])) == (128, 128, 9)
    assert video["avg_frame_rate"] == "24/1"
    assert (tags["checkpoint"], tags["stands_in_for"]) == (CHECKPOINT, "Waver 1.0")
    assert tags["model"] == "waver"
    assert made_job["result"]["stands_in_for"] == "Waver 1.0"
    download = service.client.get(made_job["links"]["download"])
    assert "waver-stand-in_" in download.headers["content-disposition"]
    (folder,) = service.videos(made_job["id"])
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["result"]["stands_in_for"] == "Waver 1.0"
    assert manifest["result"]["checkpoint"] == CHECKPOINT


@pytest.mark.slow
def test_the_small_one_names_itself(models: Path, tmp_path: Path) -> None:
    with serving("waver", models, tmp_path, waver_checkpoint=SMALL_ONE) as service:
        made_job, found = made(service, tmp_path, **SMALL)
        root = service.get("/")
    assert (root["checkpoint"], root["stands_in_for"]) == (SMALL_ONE, "Waver 1.0")
    assert made_job["adjustments"][0]["resolved"] == SMALL_ONE
    assert found["format"]["tags"]["checkpoint"] == SMALL_ONE
    assert stream(found, "video")["avg_frame_rate"] == "16/1"


def test_the_real_one_would_not_be_called_a_stand_in(models: Path, tmp_path: Path) -> None:
    real = "FoundationVision/Waver-1.0"
    with serving("waver", models, tmp_path, waver_checkpoint=real) as service:
        root, info = service.get("/"), service.get("/info")
        dry = service.client.post("/generate", json={**SMALL, "dry_run": True}).json()
    assert (root["checkpoint"], root["stands_in_for"]) == (real, None)
    assert (info["checkpoint"]["id"], info["stands_in_for"]) == (real, None)
    assert dry["adjustments"] == []


@pytest.mark.slow
def test_other_services_stand_in_for_nothing(models: Path, tmp_path: Path) -> None:
    with serving("wan21", models, tmp_path, wan21_checkpoint=SMALL_ONE) as service:
        made_job, found = made(service, tmp_path, **SMALL)
        assert service.get("/")["stands_in_for"] is None
    assert (made_job["result"]["stands_in_for"], made_job["adjustments"]) == (None, [])
    assert "stands_in_for" not in found["format"]["tags"]


# The walk


def texts(service: LiveService, job: dict[str, Any]) -> Iterator[tuple[str, httpx.Response]]:
    """Every answer of every route that reads, of posts, and of refusals."""
    get, post = service.client.get, service.client.post
    batch = post("/generate/batch", json={"requests": [SMALL]})
    yield "batch", batch
    pipeline = post("/pipelines", json={"steps": [{"name": "clip", "body": SMALL}]})
    yield "/pipelines", pipeline
    ids = {"job_id": job["id"], "video_id": job["id"], "model_id": "waver"}
    ids |= {"batch_id": batch.json()["id"], "pipeline_id": pipeline.json()["id"]}
    for path, methods in get("/openapi.json").json()["paths"].items():
        if "get" in methods:
            yield path, get(path.format(**ids))
    yield "/docs", get("/docs")
    yield "/openapi.json", get("/openapi.json")
    yield "/metrics", get("/metrics", headers={"Accept": "text/plain"})
    yield "dry_run", post("/generate", json={**SMALL, "dry_run": True})
    accepted = post("/generate", json=SMALL)
    yield "accepted", accepted
    yield "cancel", post(f"/jobs/{accepted.json()['id']}/cancel")
    yield "/load", post("/load")
    for field in ({"options": {"x": 1}}, {"resolution": "4000x4000"}, {"generate_audio": True}):
        yield "refused", post("/generate", json={**SMALL, **field})


def test_every_answer_that_names_waver_says_that_something_stands_in(
    service: LiveService, job: dict[str, Any]
) -> None:
    named = set()
    for route, answer in texts(service, job):
        if re.search("video|jpeg|zip", answer.headers["content-type"]):
            continue  # the file's tags have a test of their own
        if route in ID_ONLY or answer.is_error:
            assert "Waver" not in answer.text, f"{route}: {answer.text}"
        elif "waver" in answer.text.lower():
            named.add(route)
            assert STANDS_IN.search(answer.text), f"{route}: {answer.text}"
            if route != "/openapi.json":
                assert CHECKPOINT in answer.text, f"{route}: {answer.text}"
    jobs = {"/jobs", "/jobs/{job_id}", "/jobs/{job_id}/events", "accepted", "cancel", "dry_run"}
    openai = {"/v1/videos", "/v1/videos/{video_id}", "/v1/models", "/v1/models/{model_id}"}
    batch = "/batches/{batch_id}"
    batches = {"batch", "/batches", batch, f"{batch}/events", f"{batch}/manifest"}
    assert named == {"/", "/info", "/openapi.json", *jobs, *openai, *batches}


def documents() -> list[Path]:
    folders = [ROOT, ROOT / "docs", ROOT / "docs" / "decisions"]
    pages = [page for folder in folders for page in sorted(folder.glob("*.md"))]
    return [*pages, ROOT / ".env.example"]


@pytest.mark.parametrize("page", documents(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_document_that_names_waver_says_that_something_stands_in(page: Path) -> None:
    """By paragraph, list item or table row, except on the page that is about nothing else."""
    if page.name == "0011-waver-is-a-stand-in.md":
        return
    for passage in re.split(r"\n\s*\n|\n(?=[-|#\d])", page.read_text(encoding="utf-8")):
        if re.search(r"Waver|`waver`", passage):
            assert STANDS_IN.search(passage), passage


@pytest.mark.parametrize("module", ["model_config", "variants", "pipeline"])
def test_the_code_says_so_too(module: str) -> None:
    source = (ROOT / "waver" / f"{module}.py").read_text()
    assert STANDS_IN.search(source.split('"""')[1])


def test_the_walk_can_fail() -> None:
    assert not STANDS_IN.search("| `waver` | 8004 | Waver 1.0 | text to video |")
