"""Files as browsers, proxies and download programs ask for them: HEAD, tags, parts, names."""

from email.utils import formatdate
from typing import Any
from urllib.parse import quote

import pytest

from tests.integration.answers import error_of
from tests.live import LiveService, wait_until

FILES = (
    "/jobs/{id}/download",
    "/jobs/{id}/thumbnail",
    "/v1/videos/{id}/content",
    "/v1/videos/{id}/content?variant=thumbnail",
    "/v1/videos/{id}/content?variant=spritesheet",
)
NOT_SAID = {"date", "retry-after"}


@pytest.fixture(scope="module")
def job(shared: LiveService) -> dict[str, Any]:
    """One finished job, for all tests that only look at it."""
    if not shared.running:
        shared.start()
    return shared.finish(prompt="Ação na praia")


@pytest.fixture(scope="module")
def batch(shared: LiveService, job: dict[str, Any]) -> str:
    del job
    body = {"requests": [{"prompt": "x"}], "name": "Verão"}
    batch: dict[str, Any] = shared.client.post("/generate/batch", json=body).json()
    shared.wait_for(batch["members"][0]["job_id"], "completed")
    return str(batch["id"])


@pytest.fixture(scope="module")
def pipeline(shared: LiveService, job: dict[str, Any]) -> str:
    """One that has ended."""
    del job
    body = {"steps": [{"name": "clip", "body": {"prompt": "x"}}]}
    begun: dict[str, Any] = shared.client.post("/pipelines", json=body).json()
    path = begun["links"]["self"]
    wait_until(lambda: shared.get(path)["state"] == "completed", what="the pipeline is completed")
    return str(begun["id"])


def gets(service: LiveService) -> list[str]:
    """Every path that takes GET, and some that are not described."""
    paths = service.get("/openapi.json")["paths"]
    more = ["/docs", "/openapi.json", "/ui", "/ui/", "/ui/main.js", "/ui/config"]
    return [path for path, methods in paths.items() if "get" in methods] + more


def test_every_get_has_its_head(
    service: LiveService, job: dict[str, Any], batch: str, pipeline: str
) -> None:
    """HEAD is answered wherever GET is: the same status and headers, and no body."""
    begun = len(service.log(100_000))
    names = {"job_id": job["id"], "video_id": job["id"], "batch_id": batch, "model_id": "toy"}
    names["pipeline_id"] = pipeline
    asked = [path.format(**names) for path in gets(service)]
    assert len(asked) > 25
    changing = NOT_SAID | {"content-length"}  # of /info, /health, /metrics: seconds that grow
    for path in asked:
        head, get = service.client.head(path), service.client.get(path)
        assert (head.status_code, head.content) == (get.status_code, b""), path
        assert set(head.headers) - changing == set(get.headers) - changing, path
        if path.endswith(("download", "thumbnail", "content", "docs", ".js")):
            assert int(head.headers["content-length"]) == get.num_bytes_downloaded > 0
    assert "Traceback" not in service.log(100_000)[begun:]


def test_a_head_of_a_stream_ends(service: LiveService) -> None:
    """What a GET would send for minutes, a HEAD does not wait for."""
    job_id = service.submit({"step_seconds": 30})
    head = service.client.head(f"/jobs/{job_id}/events")
    assert head.status_code == 200
    assert head.headers["content-type"].startswith("text/event-stream")
    assert service.job(job_id)["state"] != "completed"


def test_what_a_path_takes_is_said_with_head(service: LiveService, job: dict[str, Any]) -> None:
    allowed = {"/jobs": "GET, HEAD", f"/jobs/{job['id']}": "GET, DELETE, HEAD",
               "/generate": "POST", "/docs": "GET, HEAD"}  # fmt: skip
    for path, methods in allowed.items():
        assert service.client.put(path).headers["allow"] == methods
    refused = service.client.head("/generate")
    assert (refused.status_code, refused.headers["allow"]) == (405, "POST")
    assert service.client.head("/jobs/nothing").status_code == 404


@pytest.mark.parametrize("path", FILES)
def test_a_file_that_is_known_is_not_sent_again(
    service: LiveService, job: dict[str, Any], path: str
) -> None:
    """Every file has a tag and a time, and is answered 304 to who has it, GET or HEAD."""
    path = path.format(**job)
    whole = service.client.get(path)
    tag, moment = whole.headers["etag"], whole.headers["last-modified"]
    assert tag.startswith('"')
    assert whole.headers["cache-control"] == "private, no-cache"
    known = [{"If-None-Match": tag}, {"If-None-Match": f'"other", W/{tag}'}, {"If-None-Match": "*"},
             {"If-Modified-Since": moment}, {"If-Modified-Since": formatdate(usegmt=True)},
             {"If-None-Match": tag, "If-Modified-Since": formatdate(0, usegmt=True)}]  # fmt: skip
    for headers in known:
        for method in ("GET", "HEAD"):
            answer = service.client.request(method, path, headers=headers)
            assert (answer.status_code, answer.content) == (304, b""), headers
            assert answer.headers["etag"] == tag
            assert answer.headers["cache-control"] == "private, no-cache"
    new = [{"If-None-Match": '"other"'}, {"If-Modified-Since": formatdate(0, usegmt=True)},
           {"If-Modified-Since": "yesterday"},
           {"If-Modified-Since": f"Mon, 01 Jan {'9' * 20} 00:00:00 GMT"},
           {"If-None-Match": '"other"', "If-Modified-Since": moment}]  # fmt: skip
    for headers in new:
        assert service.client.get(path, headers=headers).content == whole.content, headers


@pytest.mark.parametrize("path", FILES)
def test_parts_go_on_where_they_belong(
    service: LiveService, job: dict[str, Any], path: str
) -> None:
    """A download that goes on gets the rest of the same file, or all of another one."""
    path = path.format(**job)
    whole = service.client.get(path)
    size, part = len(whole.content), {"Range": "bytes=10-19"}
    for condition in ({}, {"If-Range": whole.headers["etag"]},
                      {"If-Range": whole.headers["last-modified"]}):  # fmt: skip
        answer = service.client.get(path, headers=part | condition)
        assert (answer.status_code, answer.content) == (206, whole.content[10:20])
        assert answer.headers["content-range"] == f"bytes 10-19/{size}"
    for condition in ('"other"', f"W/{whole.headers['etag']}", formatdate(0, usegmt=True)):
        answer = service.client.get(path, headers=part | {"If-Range": condition})
        assert (answer.status_code, len(answer.content)) == (200, size)
    last = service.client.get(path, headers={"Range": "bytes=-5"})
    assert (last.status_code, last.content) == (206, whole.content[-5:])


@pytest.mark.parametrize(
    "ranges", ["bytes=x", "bytes=9-5", "lines=1-2", "bytes=", "bytes=--5", "bytes=0-" + "9" * 5000]
)
def test_a_range_that_nobody_can_read_counts_as_none(
    service: LiveService, job: dict[str, Any], ranges: str
) -> None:
    path = f"/jobs/{job['id']}/download"
    answer = service.client.get(path, headers={"Range": ranges})
    assert (answer.status_code, answer.content) == (200, service.client.get(path).content)


def test_a_part_that_there_is_not_is_refused_in_our_shape(
    service: LiveService, job: dict[str, Any]
) -> None:
    headers = {"Range": "bytes=99999999-"}
    answer = service.client.get(f"/jobs/{job['id']}/download", headers=headers)
    assert (answer.status_code, error_of(answer)["code"]) == (416, "range_not_satisfiable")
    assert answer.headers["content-range"] == f"bytes */{job['result']['size_bytes']}"
    theirs = service.client.get(f"/v1/videos/{job['id']}/content", headers=headers)
    assert (theirs.status_code, theirs.json()["error"]["param"]) == (416, "Range")


def test_a_made_video_is_whole_whatever_else_was_asked(service: LiveService) -> None:
    """Conditions and parts are for files that are read, not for one that is made."""
    headers = {"Range": "bytes=99999999-", "If-None-Match": "*", "If-Range": '"x"'}
    made = service.client.post("/v1/videos/sync", json={"prompt": "x"}, headers=headers)
    assert made.status_code == 200
    assert int(made.headers["content-length"]) == len(made.content) > 1000


def test_names_keep_their_letters(service: LiveService, job: dict[str, Any], batch: str) -> None:
    """Accents and other scripts stay in names; who reads ASCII only gets the nearest letters."""
    said = service.client.head(job["links"]["download"]).headers["content-disposition"]
    assert 'filename="toy_Acao-na-praia_2' in said
    assert f"filename*=UTF-8''toy_{quote('Ação-na-praia')}_2" in said
    archive = service.client.head(f"/batches/{batch}/download").headers["content-disposition"]
    assert 'filename="toy_Verao_2' in archive
    assert f"filename*=UTF-8''toy_{quote('Verão')}_2" in archive
