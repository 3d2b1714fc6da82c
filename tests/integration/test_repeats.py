"""The same request again, on a real service: answered with what was made, or made."""

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import pytest

from common.jobs.database import sqlite_url
from common.jobs.repeats import HOLDER, is_held
from common.jobs.sql import SqlJobStore
from common.kinds.video import VIDEO_KIND
from common.publishing.storage import Storage
from common.publishing.twins import double, publish_twin
from tests.contract.test_store import new_job, submit
from tests.integration.callers import Keys, callers, everyone
from tests.integration.fleet import Fleet
from tests.integration.pictures import png
from tests.live import LiveService, wait_until


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return everyone(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, keys: Keys) -> Iterator[LiveService]:
    """It is Ana who asks, where nobody else is named."""
    folder = tmp_path_factory.mktemp("repeats")
    live = LiveService(folder, request_cache="on", api_keys_file=keys.path).start()
    live.client.headers["X-API-Key"] = keys.keys["ana"]
    yield live
    live.close()


def asked(client: httpx.Client, files: Any = None, **fields: Any) -> dict[str, Any]:
    """What is answered to a request."""
    sent = {"data": fields, "files": files} if files else {"json": {"prompt": "a bar", **fields}}
    answer = client.post("/generate", **sent)
    assert answer.is_success, answer.text
    answered: dict[str, Any] = answer.json()
    return answered


def found(client: httpx.Client, **fields: Any) -> str | None:
    """Whose files a request would get."""
    job_id: str | None = asked(client, **fields, dry_run=True)["cached_from"]
    return job_id


def film(service: LiveService, job_id: str) -> bytes:
    answer = service.client.get(f"/jobs/{job_id}/download")
    assert answer.status_code == 200, answer.text
    return answer.content


def on_disk(service: LiveService, job_id: str) -> Path:
    (folder,) = service.videos(job_id)
    return folder / "video.mp4"


def test_the_same_is_completed_at_once_and_each_has_its_own_life(service: LiveService, keys: Keys):
    first = service.finish(seed=1)
    again = asked(service.client, seed=1)
    assert (again["state"], again["cached_from"]) == ("completed", first["id"])
    assert again["id"] != first["id"]
    assert (again["started_at"], again["result"]["timings"]) == (None, {})
    assert film(service, again["id"]) == film(service, first["id"])
    assert on_disk(service, again["id"]).samefile(on_disk(service, first["id"]))

    assert service.client.delete(f"/jobs/{first['id']}").status_code == 204
    assert len(film(service, again["id"])) == again["result"]["size_bytes"]
    assert service.client.get(f"/jobs/{again['id']}/thumbnail").status_code == 200
    third = asked(service.client, seed=1)
    assert third["cached_from"] == again["id"]

    with callers(service, keys) as clients:
        totals = clients["root"].get("/metrics").json()
        text = clients["root"].get("/metrics", headers={"Accept": "text/plain"}).text
    assert 'videosdgx_cached_jobs_total{model="toy"} 2.0' in text
    assert totals["successful"] >= 3
    assert totals["min_duration_seconds"] > 0, "no work is no measure of work"


def test_what_is_not_the_same_is_made(service: LiveService, keys: Keys):
    first = service.finish(seed=2)["id"]
    mine = service.client
    assert found(mine, seed=2) == found(mine, seed=2, priority="high") == first
    others: list[dict[str, Any]] = [{}, {"seed": 3}, {"seed": 2, "no_cache": True}]
    others += [{"seed": 2, "prompt": "two bars"}, {"seed": 2, "fps": 10}]
    assert [found(mine, **other) for other in others] == [None] * len(others)
    with callers(service, keys) as clients:
        assert found(clients["ben"], seed=2) is None
        anew = asked(clients["ben"], seed=2)
    assert (anew["state"] == "completed", anew["cached_from"]) == (False, None)
    forced = asked(mine, seed=2, no_cache=True)
    assert service.wait_for(forced["id"], "completed")["cached_from"] is None
    assert found(mine, seed=2) == forced["id"]


def test_files_count_by_what_is_in_them(service: LiveService):
    mine, lora = service.client, service.models / "loras" / "kites.safetensors"
    black = bytes(cv2.imencode(".png", np.zeros((48, 64, 3), np.uint8))[1])
    one, other = ({"image": ("a.png", picture)} for picture in (png(), black))
    first = asked(mine, one, prompt="a bar", seed="4")["id"]
    lora.parent.mkdir(exist_ok=True)
    lora.write_bytes(b"one")
    kites = {"seed": 4, "loras": [{"name": "kites", "strength": 1}]}
    with_lora = service.finish(**kites)["id"]
    service.wait_for(first, "completed")

    assert found(mine, files=one, prompt="a bar", seed="4") == first
    assert found(mine, files=other, prompt="a bar", seed="4") is None
    assert found(mine, **kites) == with_lora
    assert found(mine, seed=4, loras=[{"name": "kites", "strength": 0.5}]) is None
    slow = service.submit({"step_seconds": 0.3}, **kites | {"seed": 10})
    service.wait_for(slow, "denoising")
    lora.write_bytes(b"two")
    assert found(mine, **kites) is None
    service.wait_for(slow, "completed")
    known = service.query("SELECT fingerprint FROM jobs WHERE id = ?", slow)
    assert known == [(None,)], "nobody knows which of the two it had"


def test_batches_and_openais_clients_get_it_too(service: LiveService):
    first = service.finish(seed=5)["id"]
    requests = [{"prompt": "a bar", "seed": 5}, {"prompt": "a bar", "seed": 6}]
    answer = service.client.post("/generate/batch", json={"requests": requests})
    before, after = answer.json()["members"]
    assert before["state"] == "completed"
    jobs = [service.wait_for(member["job_id"], "completed") for member in (before, after)]
    assert [job["cached_from"] for job in jobs] == [first, None]
    wish = {"prompt": "a bar", "seed": 5}
    video = service.client.post("/v1/videos", json=wish).json()
    assert (video["status"], video["cached_from"]) == ("completed", jobs[0]["id"])
    forced = service.client.post("/v1/videos", json=wish | {"no_cache": True}).json()
    assert forced["cached_from"] is None
    waited = service.client.post("/v1/videos/sync", json=wish)
    assert waited.content == film(service, first)


def test_files_that_are_gone_are_made_again(service: LiveService):
    first = service.finish(seed=8)["id"]
    shutil.rmtree(on_disk(service, first).parent)
    anew = asked(service.client, seed=8)
    assert service.wait_for(anew["id"], "completed")["cached_from"] is None
    on_disk(service, anew["id"]).unlink()
    held_up = asked(service.client, seed=8)
    assert held_up["state"] != "completed", "the folder is there, and what it was for is not"
    assert service.query("SELECT id FROM jobs WHERE worker = ?", HOLDER) == [], "it was let go"
    assert service.wait_for(held_up["id"], "completed")["cached_from"] is None
    film(service, held_up["id"])


def test_a_kill_at_any_point_loses_no_job_and_leaves_no_folder(fleet: Fleet):
    service = fleet.start(request_cache="on", lease_seconds=1.5)
    first = service.finish(seed=1)["id"]
    service.kill()
    store = SqlJobStore(sqlite_url(service.database), "toy", VIDEO_KIND)
    storage = Storage(service.outputs, VIDEO_KIND.files)
    source = store.get(first)
    assert source.result is not None
    same = {"resolved": source.resolved, "like": source.result.fingerprint}
    new = [new_job().model_copy(update=same) for _ in range(3)]
    _, half, whole = jobs = [submit(store, job=one) for one in new]
    assert all(map(is_held, jobs))
    draft = storage.begin(half.id, half.token or "")
    double(on_disk(service, first), draft.folder / "video.mp4")
    publish_twin(storage, VIDEO_KIND, whole, whole.token or "", source, source.result)
    store.close()

    service.restart()
    ended = [service.wait_for(job.id, "completed") for job in jobs]
    assert [job["cached_from"] for job in ended] == [None, None, first]
    _check_all(service)


def test_kills_under_load_neither(fleet: Fleet):
    service = fleet.start(request_cache="on", lease_seconds=1.5)
    service.finish(seed=1)

    def ask(_number: int) -> None:
        with suppress(httpx.TransportError):  # it is killed meanwhile
            httpx.post(f"{service.url}/generate", json={"prompt": "a bar", "seed": 1}, timeout=60)

    with ThreadPoolExecutor(4) as clients:
        list(clients.map(ask, range(4)))
        asking = [clients.submit(ask, number) for number in range(24)]
        wait_until(lambda: len(service.videos()) > 12, what="some are answered")
        service.kill()
        for one in asking:
            one.result()
    service.restart()
    _check_all(service)


def _check_all(service: LiveService) -> None:
    """Every job has one folder, and every folder a job."""
    ids = [job["id"] for job in service.jobs()]
    films = {film(service, service.wait_for(job_id, "completed")["id"]) for job_id in ids}
    assert len(films) == 1
    assert sorted(folder.name.partition("-")[0] for folder in service.videos()) == sorted(ids)
    service.wait_swept()
    assert service.partials() == []
