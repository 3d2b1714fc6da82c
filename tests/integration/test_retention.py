"""Old files go while the service runs: what clients see, and what a kill in the midst leaves."""

from pathlib import Path

import pytest

from tests.integration.answers import error_of
from tests.integration.fleet import Fleet
from tests.live import LiveService, wait_until

SOON = {"retention_seconds": 0.05}


def gone(service: LiveService, job_id: str) -> bool:
    return service.job(job_id)["expired_at"] is not None


def wait_gone_files(service: LiveService, *ids: str) -> None:
    wait_until(lambda: all(gone(service, one) for one in ids), what="the old files are gone")
    wait_until(lambda: not any(service.videos(one) for one in ids), what="their folders too")


def test_old_files_go_and_kept_ones_stay(fleet: Fleet) -> None:
    service = fleet.start(keep_jobs=2, keep_days=30, **SOON)
    first = service.finish()
    kept = service.client.post(f"/jobs/{first['id']}/keep").json()
    assert (kept["kept"], kept["expires_at"]) == (True, None)
    second, third, fourth = (service.finish() for _ in range(3))
    wait_gone_files(service, second["id"], third["id"])

    old = service.job(second["id"])
    assert (old["state"], old["links"]["download"], old["kept"]) == ("completed", None, False)
    for path in ("/jobs/{}/download", "/jobs/{}/thumbnail", "/v1/videos/{}/content"):
        answer = service.client.get(path.format(second["id"]))
        assert answer.status_code == 410, answer.text
    refused = error_of(service.client.get(f"/jobs/{second['id']}/download"))
    assert "had its time" in refused["message"]
    assert service.client.post(f"/jobs/{second['id']}/keep").status_code == 409
    assert service.get(f"/v1/videos/{second['id']}")["expires_at"] > 0

    for job in (first, fourth):
        assert service.client.get(f"/jobs/{job['id']}/download").status_code == 200
    in_a_month = service.job(fourth["id"])
    assert in_a_month["expires_at"] > in_a_month["finished_at"]
    assert service.get(f"/v1/videos/{fourth['id']}")["expires_at"] is not None
    assert service.client.delete(f"/jobs/{first['id']}/keep").json()["kept"] is False
    service.finish()
    wait_gone_files(service, first["id"])
    assert service.client.delete(f"/jobs/{first['id']}").status_code == 204


def test_a_kill_under_load_leaves_no_half_file_and_loses_no_kept_one(fleet: Fleet) -> None:
    service = fleet.start(keep_jobs=3, **SOON)
    favourite = service.finish()["id"]
    service.client.post(f"/jobs/{favourite}/keep")
    ids = [service.submit() for _ in range(24)]
    for _ in range(3):
        wait_until(lambda: sum(gone(service, one) for one in ids) >= 3, what="some went")
        service.kill()
        service.restart()
    for job_id in ids:
        service.wait_for(job_id, "completed")
    wait_until(
        lambda: sum(gone(service, one) for one in ids) == 22, what="two and the kept one stay"
    )
    service.stop()
    service.restart()
    service.wait_swept()
    for job_id in (favourite, *ids):
        folders = service.videos(job_id)
        assert len(folders) == (0 if gone(service, job_id) else 1), job_id
        for folder in folders:
            assert {"manifest.json", "video.mp4"} <= {file.name for file in folder.iterdir()}
    assert service.job(favourite)["kept"]
    assert service.partials() == []


def test_a_disk_that_fills_up_stops_nothing_while_something_may_go(
    fleet: Fleet, small_disk: Path
) -> None:
    room = {"min_free_disk_gb": 0.0001, "keep_free_gb": 0.0004}
    service = fleet.start(outputs_dir=small_disk, **room, **SOON)
    service.outputs = small_disk / "toy"
    for _ in range(5):
        ids = [service.submit() for _ in range(10)]
        for job_id in ids:
            service.wait_for(job_id, "completed")
    states = [gone(service, job["id"]) for job in service.jobs()]
    assert any(states)
    assert not all(states)


@pytest.mark.parametrize("setting", ["keep_days", "keep_jobs", "keep_gb"])
def test_nothing_goes_by_a_wrong_setting(fleet: Fleet, setting: str) -> None:
    service = fleet.prepare(**{setting: 0})
    service.launch()
    assert service.exit_code() == 1
    service.wait_said(setting.upper())
