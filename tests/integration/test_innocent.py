"""What is not the job's fault fails no job: a picture that cannot be made, a machine too full."""

from pathlib import Path

from tests.integration.fleet import Fleet
from tests.live import ROOT, wait_until


def without_opencv(folder: Path) -> dict[str, object]:
    """A service whose machine has no working OpenCV, which all its pictures need."""
    folder.mkdir()
    (folder / "cv2.py").write_text("raise ImportError('secret inside of a library')\n")
    return {"pythonpath": f"{folder}:{ROOT}"}


def test_a_video_whose_pictures_cannot_be_made_is_whole(fleet: Fleet, tmp_path: Path):
    service = fleet.start(preview_every=1, **without_opencv(tmp_path / "no-opencv"))
    job = service.finish()
    assert job["attempts"] == 1
    assert job["links"]["thumbnail"] is None
    assert service.client.get(job["links"]["download"]).status_code == 200
    answer = service.client.get(f"/jobs/{job['id']}/thumbnail")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "no_preview")
    other = service.client.get(f"/v1/videos/{job['id']}/content?variant=thumbnail")
    assert other.status_code == 404
    service.wait_said("no thumbnail")
    assert service.partials() == []
    assert service.finish()["state"] == "completed", "by the same worker"


def test_where_no_thread_is_to_be_had_the_job_waits(fleet: Fleet):
    service = fleet.start()
    job_id = service.submit({"no_thread_at": "denoising"})
    wait_until(lambda: service.log(1000).count("job put off") > 3, what="it is tried again")
    job = service.job(job_id)
    assert job["state"] not in ("failed", "completed")
    assert job["attempts"] <= 1, "and counts no attempt"
    service.wait_said("The machine has no threads left.")
    assert "inside the model" not in service.log(1000)
    service.cancel(job_id)
    service.wait_for(job_id, "cancelled")
    assert service.finish()["state"] == "completed"
