"""A queue that an admin puts into another order, from the request to the videos."""

from pathlib import Path
from typing import Any

import httpx

from tests.integration.answers import error_of
from tests.integration.callers import callers, everyone, made_by
from tests.integration.fleet import Fleet
from tests.live import wait_until


def line_of(client: httpx.Client, limit: int = 2) -> list[dict[str, Any]]:
    """The queue in order, over all pages."""
    found: list[dict[str, Any]] = []
    query: dict[str, Any] = {"limit": limit}
    while True:
        page = client.get("/queue", params=query).json()
        found += page["jobs"]
        if page["next_cursor"] is None:
            return found
        query["cursor"] = page["next_cursor"]


def ids(jobs: list[dict[str, Any]]) -> list[str]:
    return [job["id"] for job in jobs]


def refused(client: httpx.Client, **body: Any) -> tuple[int, str, str | None]:
    answer = client.post("/queue/move", json=body)
    error = error_of(answer)
    return answer.status_code, error["code"], error["param"]


def test_an_admin_moves_jobs_and_they_are_made_in_that_order(fleet: Fleet, tmp_path: Path) -> None:
    keys = everyone(tmp_path)
    service = fleet.start(api_keys_file=keys.path)
    with callers(service, keys) as clients:
        ana, ben, root = (clients[name] for name in ("ana", "ben", "root"))
        done = made_by(ana)  # how long one takes is known from then on
        wait_for_end(ana, done)
        root.post("/queue/pause")
        # Of four lengths: none is made together with another.
        first, second, third = (made_by(ana, num_frames=frames) for frames in (9, 17, 25))
        fourth = made_by(ben, num_frames=33)

        assert refused(ana, job=third, to="front") == (403, "forbidden", None)
        moved = root.post("/queue/move", json={"job": third, "to": "front"}).json()
        assert (moved["id"], moved["queue_position"]) == (third, 0)
        moved = root.post("/queue/move", json={"job": fourth, "before": second, "to": None}).json()
        assert moved["queue_position"] == 2
        order = [third, first, fourth, second]
        line = line_of(root)
        assert ids(line) == order
        assert [job["queue_position"] for job in line] == [0, 1, 2, 3]
        waits = [job["eta"]["queue_seconds"] for job in line]
        assert waits == sorted(waits), "each begins when those before it are done"
        assert waits[0] < waits[-1], "told in tenths of a second: neighbours may be alike"
        own = line_of(ana)
        assert [(job["id"], job["queue_position"]) for job in own] == [
            *((third, 0), (first, 1), (second, 3))
        ]
        assert [ana.get(f"/jobs/{job}").json()["queue_position"] for job in order[:2]] == [0, 1]

        check_refusals(root, third, first, done)
        service.kill()
        service.restart()
        assert ids(line_of(root)) == order, "a restart changes nothing of it"
        root.post("/queue/resume")
        made = [wait_for_end(root, job)["started_at"] for job in order]
        assert made == sorted(made)
        assert line_of(root) == []


def check_refusals(root: httpx.Client, job: str, other: str, done: str) -> None:
    assert refused(root, job=job) == (422, "invalid_request", "to")
    assert refused(root, job=job, to="end", before=other) == (422, "invalid_request", "to")
    assert refused(root, job=job, to="middle") == (422, "invalid_request", "to")
    assert refused(root, job=job, beside=other) == (422, "invalid_request", "beside")
    assert refused(root, job=job, after=job) == (422, "unresolvable", "after")
    assert refused(root, job="\0", to="end") == (422, "invalid_request", "job")
    assert refused(root, job="none", to="end") == (404, "job_not_found", "job")
    assert refused(root, job=job, after="none") == (404, "job_not_found", "after")
    assert refused(root, job=done, to="end") == (409, "job_conflict", "job")
    assert refused(root, job=job, before=done) == (409, "job_conflict", "before")
    assert root.get("/queue?cursor=12").status_code == 422


def wait_for_end(client: httpx.Client, job_id: str) -> dict[str, Any]:
    def ended() -> dict[str, Any] | None:
        job: dict[str, Any] = client.get(f"/jobs/{job_id}").json()
        return job if job["state"] == "completed" else None

    return wait_until(ended, what="it is made")
