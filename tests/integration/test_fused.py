"""Jobs that are denoised together: whatever happens to one, the others do not pay for it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from common.contract.compute_dtype import ComputeDtype
from scripts.tiny import waver as tiny
from tests.formats import COMPUTE_DTYPE
from tests.integration import pictures
from tests.integration.fleet import Fleet
from tests.integration.test_models import SMALL, serving
from tests.live import LiveService, wait_until
from tests.seldom import seldom

SLOW = {"step_seconds": 0.3}


@pytest.fixture
def live(fleet: Fleet) -> LiveService:
    return fleet.start(fused_batch=4, drain_seconds=0.5)


def together(service: LiveService, count: int, **fields: Any) -> list[str]:
    """Jobs that wait at the same moment, and then run."""
    blocker = service.submit(options={"step_seconds": 0.2}, num_inference_steps=100)
    service.wait_for(blocker, "denoising")
    seeds = range(1, count + 1)
    ids = [service.submit(seed=seed, **fields) for seed in seeds]
    service.cancel(blocker)
    return ids


def fused(service: LiveService, ids: list[str]) -> list[int | None]:
    """How many each job was made with."""
    rows = dict(service.query("SELECT id, fused FROM jobs"))
    return [rows[job_id] for job_id in ids]


def made_once(service: LiveService, job_id: str, attempts: int = 1) -> dict[str, Any]:
    job = service.wait_for(job_id, "completed")
    assert job["attempts"] == attempts
    assert len(service.videos(job_id)) == 1
    return job


def frames_of(folder: Path) -> NDArray[np.uint8]:
    """Of the file, all but its tags: ids and prompts are in there. [T, H, W, 3]."""
    import cv2

    capture = cv2.VideoCapture(str(folder / "video.mp4"))
    frames = []
    while (read := capture.read())[0]:
        frames.append(read[1])
    return np.stack(frames).astype(np.uint8)


def assert_same_film(one: Path, other: Path) -> None:
    """To the bit; where a model computes in float32, sums come in another order with more rows."""
    levels_apart = np.abs(frames_of(one).astype(int) - frames_of(other).astype(int)).mean()
    assert levels_apart <= (0.5 if COMPUTE_DTYPE is ComputeDtype.FLOAT32 else 0)


def test_waiting_jobs_of_one_shape_are_made_together(live: LiveService) -> None:
    ids = together(live, 6)
    jobs = [made_once(live, job_id) for job_id in ids]
    assert fused(live, ids) == [4, 4, 4, 4, 2, 2]
    assert [job["result"]["fused"] for job in jobs] == [4, 4, 4, 4, 2, 2]
    assert len(live.videos()) == len(ids)
    assert live.partials() == []
    [alone] = [live.finish(seed=3)]
    assert alone["result"]["fused"] == 1
    [here], [there] = live.videos(ids[2]), live.videos(alone["id"])
    assert np.array_equal(frames_of(here), frames_of(there))


def test_what_they_share_is_divided(live: LiveService) -> None:
    jobs = [made_once(live, each) for each in together(live, 4, options={"step_seconds": 0.1})]
    shared = [job["result"]["timings"]["denoising"] for job in jobs]
    assert min(shared) >= 0.05, "two of the three steps, of 0.1 s: the first ends another phase"
    assert min(shared) < 0.1, "it is a quarter of them"


def test_nobody_waits_for_company_or_is_overtaken(live: LiveService) -> None:
    blocker = live.submit(options={"step_seconds": 0.2}, num_inference_steps=100)
    live.wait_for(blocker, "denoising")
    first, second = live.submit(), live.submit()
    other = live.submit(num_inference_steps=2)
    last = live.submit()
    live.cancel(blocker)
    for job_id in (first, second, other, last):
        made_once(live, job_id)
    assert fused(live, [first, second, other, last]) == [2, 2, None, None]
    order = [row[0] for row in live.query("SELECT id FROM jobs ORDER BY finished_at")]
    assert order[1:] == [first, second, other, last]


def test_a_job_that_comes_late_is_next(live: LiveService) -> None:
    ids = together(live, 2, options=SLOW)
    live.wait_for(ids[0], "denoising")
    late = live.submit(options=SLOW)
    for job_id in (*ids, late):
        made_once(live, job_id)
    assert fused(live, [*ids, late]) == [2, 2, None]


@pytest.mark.parametrize("which", seldom([0, 2]))
@pytest.mark.parametrize(
    ("options", "phase"), [(SLOW, "denoising"), ({"chunk_seconds": 0.2}, "decoding")]
)
def test_a_cancel_leaves_the_others_alone(
    live: LiveService, which: int, options: dict[str, Any], phase: str
) -> None:
    ids = together(live, 3, options=options, num_frames=17)
    live.wait_for(ids[0], phase)
    worker = live.worker_pid()
    assert live.cancel(ids[which]).json()["state"] == "cancelling"
    live.wait_for(ids[which], "cancelled", timeout=2)
    others = [job_id for job_id in ids if job_id != ids[which]]
    assert live.job(others[-1])["state"] in ("running", "completed"), "a busy machine is late"
    for job_id in others:
        made_once(live, job_id)
    assert live.worker_pid() == worker
    wait_until(lambda: not live.videos(ids[which]) and not live.partials(), what="no file is left")


def test_a_batch_of_which_all_are_cancelled_ends(live: LiveService) -> None:
    ids = together(live, 3, options=SLOW, num_inference_steps=100)
    live.wait_for(ids[0], "denoising")
    worker = live.worker_pid()
    for job_id in ids:
        live.cancel(job_id)
    for job_id in ids:
        live.wait_for(job_id, "cancelled")
    live.finish()
    assert live.worker_pid() == worker


@pytest.mark.parametrize(
    ("options", "phase"), seldom([(SLOW, "denoising"), ({"chunk_seconds": 0.2}, "decoding")])
)
def test_a_killed_worker_costs_nobody_an_attempt(
    live: LiveService, options: dict[str, Any], phase: str
) -> None:
    ids = together(live, 3, options=options, num_frames=17)
    live.wait_for(ids[-1] if phase == "denoising" else ids[1], phase)
    live.kill_worker()
    for job_id in ids:
        made_once(live, job_id)
    assert fused(live, ids)[1:] == [None, None], "they were not alone afterwards"
    assert len(live.videos()) == 3
    wait_until(lambda: not live.partials(), what="nothing is left half made")


SLOW_MOMENTS = [
    pytest.param(each, marks=pytest.mark.slow) for each in ("encoding_prompt", "decoding")
]


@pytest.mark.parametrize("moment", ["denoising", *SLOW_MOMENTS])
def test_a_poisoned_job_fails_alone(live: LiveService, moment: str) -> None:
    ids = together(live, 4, options={"die_at": moment, "bad_seed": 3})
    poisoned = live.wait_for(ids[2], "failed")
    assert (poisoned["attempts"], poisoned["error"]["code"]) == (3, "worker_died")
    for job_id in (ids[0], ids[1], ids[3]):
        made_once(live, job_id)
    assert live.videos(ids[2]) == []


@pytest.mark.parametrize("moment", ["denoising", "decoding"])
def test_what_a_model_raises_fails_one_job(live: LiveService, moment: str) -> None:
    ids = together(live, 3, options={"raise_at": moment, "bad_seed": 2})
    broken = live.wait_for(ids[1], "failed")
    assert (broken["attempts"], broken["error"]["code"]) == (1, "generation_failed")
    for job_id in (ids[0], ids[2]):
        made_once(live, job_id)
    assert "secret inside" not in str(broken)


def test_at_sigterm_all_go_back_to_the_queue(live: LiveService) -> None:
    ids = together(live, 3, options={"step_seconds": 1.5}, num_inference_steps=1)
    live.wait_for(ids[2], "encoding_prompt")
    live.stop(timeout=8)
    rows = live.query("SELECT state, attempts, alone FROM jobs WHERE state = 'queued'")
    assert rows == [("queued", 0, None)] * 3
    live.restart()
    for job_id in ids:
        made_once(live, job_id)
    assert fused(live, ids) == [3, 3, 3]


def test_a_killed_api_takes_the_batch_back(live: LiveService) -> None:
    ids = together(live, 3, options=SLOW)
    live.wait_for(ids[2], "denoising")
    live.kill()
    live.restart()
    for job_id in ids:
        made_once(live, job_id)


def test_the_batch_is_as_large_as_memory_allows(fleet: Fleet) -> None:
    live = fleet.start(fused_batch=4, memory_pool_gb=0.75, memory_floor_gb=0)
    ids = together(live, 4, options={"says_mb": 200, "hold_mb": 1})
    for job_id in ids:
        made_once(live, job_id)
    sizes = fused(live, ids)
    assert sizes[0] in (2, 3)
    assert sizes != [4, 4, 4, 4]


def test_one_is_off(fleet: Fleet) -> None:
    live = fleet.start(fused_batch=1)
    ids = together(live, 3)
    for job_id in ids:
        made_once(live, job_id)
    assert fused(live, ids) == [None, None, None]


@pytest.mark.slow
def test_wavers_service_fuses_text_and_pictures(tmp_path: Path) -> None:
    tiny.build(tmp_path / "models")
    long = {**SMALL, "num_inference_steps": 100, "num_frames": 17}
    with serving("waver", tmp_path / "models", tmp_path, fused_batch=8) as live:
        blocker = live.submit(**long)
        live.wait_for(blocker, "denoising", timeout=240)
        words = [live.submit(**SMALL, seed=seed) for seed in range(3)]
        images = [live.submit(**SMALL, seed=seed, image=pictures.data_url()) for seed in range(2)]
        live.cancel(blocker)
        for job_id in words + images:
            live.wait_for(job_id, "completed", timeout=240)
        alone = live.finish(**SMALL, seed=1, timeout=240)
        assert fused(live, words + images) == [3, 3, 3, 2, 2]
        [here], [there] = live.videos(words[1]), live.videos(alone["id"])
        assert_same_film(here, there)
