"""What a service writes is for its own user: files 0600, folders 0700, whoever writes them."""

import os
from pathlib import Path

import pytest

from common.api.auth.caller import Scope
from common.api.auth.keys import line_for
from tests.integration import pictures
from tests.integration.fleet import Fleet
from tests.live import LiveService, wait_until

KEY = "vdgx_modes"
LONG = {"options": {"step_seconds": 0.2}, "num_inference_steps": 100}


def open_to_others(*folders: Path) -> list[str]:
    """What others may read, write or enter."""
    paths = [path for folder in folders for path in (folder, *folder.rglob("*"))]
    assert len(paths) > len(folders)
    return [f"{path} {path.lstat().st_mode & 0o777:o}" for path in paths if _open(path)]


def _open(path: Path) -> bool:
    try:
        return bool(path.lstat().st_mode & 0o077)
    except FileNotFoundError:
        return False  # removed while we looked


def guarded(fleet: Fleet) -> LiveService:
    settings = {"preview_every": 1, "backup_every_hours": 0.0001, "drain_seconds": 0}
    return fleet.prepare(api_keys=line_for("ana", Scope.ADMIN, KEY), **settings)


def use_all(service: LiveService) -> None:
    """A session, an upload, a picture of the frames, a batch, a running job, a backup."""
    client = service.client
    assert client.post("/auth/session", json={"api_key": KEY}).status_code == 200
    client.headers["X-API-Key"] = KEY
    done = service.finish(image=pictures.data_url())["id"]
    assert client.get(f"/jobs/{done}/thumbnail").status_code == 200
    assert client.get(f"/v1/videos/{done}/content?variant=spritesheet").status_code == 200
    service.wait_for(service.submit({"raise_at": "denoising"}), "failed")
    service.wait_for(service.submit(image=pictures.data_url(), **LONG), "denoising")
    wait_until(lambda: list(service.outputs.glob(".previews/*")), what="a preview is there")
    wait_until(lambda: list(service.state.glob("backups/*.db")), what="a backup is there")


def test_what_a_service_writes_is_its_own(fleet: Fleet):
    """Every file and folder of state and outputs, while a job runs and after the end."""
    service = guarded(fleet)
    before = os.umask(0)  # as open as can be: the service must not lean on where it was started
    try:
        service.start()
    finally:
        os.umask(before)
    use_all(service)
    folders = service.state.parent, service.outputs.parent
    assert open_to_others(*folders) == []
    service.stop()
    assert open_to_others(*folders) == []


@pytest.mark.slow
def test_volumes_of_an_older_version_are_closed_and_work(fleet: Fleet):
    """Files that all may read lie below a folder that nobody else enters."""
    service = fleet.start(backup_dir=fleet.folder / "copies")
    done = service.finish()["id"]
    service.stop()
    copies = fleet.folder / "copies" / "toy"
    copies.mkdir(parents=True, exist_ok=True)
    roots = service.state, service.outputs, copies, service.state.parent / "memory"
    for root in roots:
        for path in (root, *root.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)
    service.restart()
    assert service.client.get(f"/jobs/{done}/download").status_code == 200
    assert service.finish()["state"] == "completed"
    assert {root.stat().st_mode & 0o777 for root in roots} == {0o700}
