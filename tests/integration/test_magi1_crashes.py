"""A long video whose worker is killed in its middle: made again, or given up with a reason."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.tiny import magi1 as tiny
from tests.integration.test_models import serving
from tests.live import ENDED, LiveService, wait_until
from tests.unit.media.ffprobe import probe, stream

CHUNKS = 64
LONG = {
    "prompt": "a cat",
    "resolution": "128x128",
    "num_inference_steps": 8,
    "num_frames": 24 * CHUNKS,
}
ONE_LAYER = tiny.Geometry(layers=1, ffn_dim=64)
"""What is tested here is the way around the model: the less it does itself the better."""

PATIENCE = 240


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveService]:
    models = tmp_path_factory.mktemp("models")
    tiny.build(models, geometry=ONE_LAYER)
    with serving("magi1", models, tmp_path_factory.mktemp("service")) as running:
        yield running


def kill_in_chunk(service: LiveService, job_id: str, number: int, attempt: int) -> None:
    """SIGKILL of the worker that makes the job for the ``attempt``-th time, in that chunk."""

    def finished() -> int:
        """Chunks of this attempt; none until it has begun."""
        job = service.job(job_id)
        assert job["state"] not in ENDED, job["error"]
        chunks: int = job["progress"]["chunk"] if job["attempts"] == attempt else 0
        return chunks

    # An attempt shows the chunks of the one before until it has some of its own.
    wait_until(lambda: 0 < finished() < number - 1, PATIENCE, f"attempt {attempt} is under way")
    wait_until(lambda: finished() >= number - 1, PATIENCE, f"chunk {number} is in the making")
    service.kill_worker()


@pytest.mark.slow
def test_a_crash_in_a_long_video_costs_an_attempt_and_no_more(
    service: LiveService, tmp_path: Path
) -> None:
    job_id = service.submit(**LONG)
    kill_in_chunk(service, job_id, 40, attempt=1)
    job = service.wait_for(job_id, "completed", timeout=PATIENCE)
    assert job["attempts"] == 2
    (folder,) = service.videos(job_id)
    (file,) = folder.glob("*.mp4")
    assert int(stream(probe(file), "video")["nb_read_frames"]) == 24 * CHUNKS
    assert service.partials() == []


@pytest.mark.slow
def test_three_crashes_in_a_long_video_fail_it_with_the_reason(service: LiveService) -> None:
    job_id = service.submit(**LONG)
    for attempt in (1, 2, 3):
        kill_in_chunk(service, job_id, 40, attempt)
    job = service.wait_for(job_id, "failed", timeout=PATIENCE)
    assert (job["attempts"], job["error"]["code"]) == (3, "worker_died")
    assert "SIGKILL" in job["error"]["message"]
    assert service.videos(job_id) == []
    wait_until(lambda: not service.partials(), what="what the attempts left is gone")
