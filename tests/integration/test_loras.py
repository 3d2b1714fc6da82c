"""LoRAs that an admin stores: whole or not at all, and only what is one."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import numpy as np
import pytest
from safetensors.numpy import save

from tests.integration.answers import error_of
from tests.integration.callers import callers, everyone
from tests.integration.fleet import Fleet
from tests.live import LiveService, wait_until
from tests.unit.media.disks import FILLER, fill

TOLD = {"ss_base_model_version": "Wan-AI/Wan2.1", "modelspec.trigger_phrase": "kites, sky style"}


def a_lora(rank: int = 4, **others: int) -> bytes:
    pair = {"lora_A": (rank, 64), "lora_B": (64, rank)}
    tensors = {
        f"diffusion_model.blocks.0.self_attn.q.{half}.weight": np.zeros(shape, np.float32)
        for half, shape in pair.items()
    }
    return save(tensors | {name: np.zeros(size, np.int8) for name, size in others.items()}, TOLD)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveService]:
    """Takes files of 1 MB at most."""
    live = LiveService(tmp_path_factory.mktemp("loras"), max_file_mb=1, client_seconds=1)
    yield live.start()
    live.close()


@pytest.fixture(autouse=True)
def _none_left(service: LiveService) -> Iterator[None]:
    yield
    for file in _folder(service).glob("*"):
        file.unlink()


def _folder(service: LiveService) -> Path:
    return service.models / "loras"


def put(service: LiveService, name: str, data: bytes) -> httpx.Response:
    return service.client.put(f"/loras/{name}", content=data)


def names(service: LiveService) -> list[str]:
    return [told["name"] for told in service.get("/loras")["loras"]]


def test_one_comes_is_listed_and_goes(service: LiveService):
    data = a_lora()
    answer = put(service, "kites", data)
    assert answer.status_code == 201, answer.text
    assert answer.json() == {
        "name": "kites",
        "size_bytes": len(data),
        "rank": 4,
        "base": "Wan-AI/Wan2.1",
        "trigger_words": ["kites", "sky style"],
    }
    assert service.get("/loras")["loras"] == [answer.json()]
    assert (_folder(service) / "kites.safetensors").read_bytes() == data
    assert service.client.delete("/loras/kites").status_code == 204
    assert names(service) == []
    gone = service.client.delete("/loras/kites")
    assert (gone.status_code, error_of(gone)["code"]) == (404, "lora_not_found")


def test_one_that_is_there_is_not_replaced(service: LiveService):
    put(service, "kites", a_lora(4))
    again = put(service, "kites", a_lora(8))
    assert (again.status_code, error_of(again)["code"]) == (409, "lora_exists")
    assert service.get("/loras")["loras"][0]["rank"] == 4


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is cut short"),
        (b"PK\x03\x04 a pickle in a zip", "has a damaged header"),
        (a_lora()[:-1], "is cut short"),
        (a_lora() + b"x", "is longer than its header says"),
        (save({"blocks.0.weight": np.zeros(4)}), "no pair of low-rank matrices"),
    ],
)
def test_what_is_no_lora_is_refused_and_leaves_nothing(
    service: LiveService, data: bytes, words: str
):
    answer = put(service, "kites", data)
    assert answer.status_code == 422
    assert words in error_of(answer)["message"]
    assert list(_folder(service).glob("*")) == []


@pytest.mark.parametrize("name", ["..%2F..%2Fstate", "%2Fetc", ".hidden", "a%20b", "x" * 65])
def test_a_name_is_a_name(service: LiveService, name: str):
    assert put(service, name, a_lora()).status_code in (404, 422)
    assert list(service.folder.rglob("*.safetensors")) == []


def test_one_that_is_too_large_is_refused_by_its_length_and_by_its_bytes(service: LiveService):
    data = a_lora(rest=2 * 1024**2)
    told = put(service, "kites", data)
    assert (told.status_code, error_of(told)["code"]) == (413, "body_too_large")
    assert "MAX_FILE_MB" in (error_of(told)["hint"] or "")
    pieces = (data[i : i + 65536] for i in range(0, len(data), 65536))
    assert service.client.put("/loras/kites", content=pieces).status_code == 413
    assert list(_folder(service).glob("*")) == []


def test_a_sender_that_goes_or_stops_leaves_nothing(service: LiveService):
    for stays in (False, True):
        line = _begun(service)
        wait_until(lambda: list(_folder(service).glob(".*")), what="it has begun")
        if not stays:
            line.close()
        wait_until(lambda: not list(_folder(service).glob(".*")), what="nothing is left")
        line.close()
    assert names(service) == []


def _begun(service: LiveService) -> socket.socket:
    address = urlsplit(service.url)
    line = socket.create_connection((address.hostname or "", address.port or 0))
    head = "PUT /loras/kites HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n"
    line.sendall(head.encode() + a_lora()[:1000])
    return line


def test_what_a_killed_service_left_is_never_listed(service: LiveService):
    line = _begun(service)
    wait_until(lambda: list(_folder(service).glob(".*")), what="it has begun")
    service.kill()
    line.close()
    service.restart()
    assert names(service) == []
    assert put(service, "kites", a_lora()).status_code == 201


def test_a_full_disk_is_named(fleet: Fleet, small_disk: Path):
    service = fleet.start(models_dir=small_disk)
    fill(small_disk)
    answer = put(service, "kites", a_lora(rest=100_000))
    assert (answer.status_code, error_of(answer)["code"]) == (507, "storage_full")
    assert "models" in error_of(answer)["message"]
    (small_disk / FILLER).unlink()
    assert put(service, "kites", a_lora()).status_code == 201


def test_only_an_admin_stores_and_removes(fleet: Fleet, tmp_path: Path):
    keys = everyone(tmp_path)
    service = fleet.start(api_keys_file=keys.path)
    with callers(service, keys) as clients:
        refused = clients["ana"].put("/loras/kites", content=a_lora())
        assert (refused.status_code, error_of(refused)["code"]) == (403, "forbidden")
        assert clients["root"].put("/loras/kites", content=a_lora()).status_code == 201
        assert clients["ana"].delete("/loras/kites").status_code == 403
        assert len(clients["ana"].get("/loras").json()["loras"]) == 1


def test_a_client_of_openai_names_them_too(service: LiveService):
    put(service, "kites", a_lora())
    loras = [{"name": "kites", "strength": 0.5}]
    by_json = service.client.post("/v1/videos", json={"prompt": "a kite", "loras": loras})
    fields = {"prompt": "a kite", "loras": json.dumps(loras)}
    by_form = service.client.post(
        "/v1/videos", files={name: (None, fields[name]) for name in fields}
    )
    for answer in (by_json, by_form):
        assert answer.status_code == 200, answer.text
        job = service.job(answer.json()["id"].removeprefix("video_"))
        assert job["requested"]["loras"] == loras
    unknown = service.client.post("/v1/videos", json={"prompt": "a kite", "loras": [{"name": "x"}]})
    assert unknown.status_code == 400
    assert unknown.json()["error"]["param"] == "loras.0.name"


def test_a_remix_is_made_with_the_same_ones_and_refined_alike(service: LiveService):
    put(service, "kites", a_lora())
    wanted = {"loras": [{"name": "kites", "strength": 0.5}], "enable_frame_interpolation": True}
    job = service.finish(**wanted)
    answer = service.client.post(f"/v1/videos/{job['id']}/remix", json={"prompt": "at night"})
    assert answer.status_code == 200, answer.text
    remix = service.job(answer.json()["id"])["resolved"]
    assert remix["loras"] == job["resolved"]["loras"]
    assert remix["frame_interpolation_exp"] == 1
