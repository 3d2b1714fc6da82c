"""Who goes first when memory runs out: the worker, which can be started again."""

from pathlib import Path

from common.worker.__main__ import OOM_SCORE_ADJ, volunteer
from tests.integration.fleet import Fleet


def test_a_worker_volunteers_and_its_service_does_not(fleet: Fleet):
    service = fleet.start()
    service.finish()
    assert _score(service.worker_pid()) == OOM_SCORE_ADJ
    assert _score(service.process.pid) < OOM_SCORE_ADJ


def _score(pid: int | None) -> int:
    return int(Path(f"/proc/{pid}/oom_score_adj").read_text())


def test_a_kernel_that_will_not_hear_of_it_is_no_failure(tmp_path: Path):
    volunteer(tmp_path / "not" / "there")
