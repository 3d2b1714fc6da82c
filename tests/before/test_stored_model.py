"""What a real model's service of the release before left, served by this one's."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.tiny import wan21
from tests.before.documents import differences
from tests.before.stored import digest, unpack, wan21_on
from tests.live import LiveService


@pytest.fixture
def service(tmp_path: Path) -> Iterator[LiveService]:
    wan21.build_2_1(tmp_path / "models")
    service = wan21_on(tmp_path)
    yield service
    service.close()


@pytest.mark.slow
def test_jobs_of_a_real_model_are_served_and_made(service: LiveService):
    stored = unpack("wan21", service.folder)
    service.start().wait_swept()
    completed = stored.job("completed")
    assert not list(differences(completed, service.job(stored.jobs["completed"])))
    for path, content in stored.files.items():
        assert digest(service, path) == content
    for name in ("interrupted", "queued"):
        before = stored.job(name)
        now = service.wait_for(stored.jobs[name], "completed", timeout=240)
        for field in ("requested", "resolved", "adjustments", "created_at", "links"):
            assert not list(differences(before[field], now[field]))
        assert now["attempts"] == before["attempts"] + 1
        assert (service.state / "inputs" / now["resolved"]["image"]).is_file()
    service.stop()
    assert "Traceback" not in service.log(10_000)
