"""Cancel against completion: one of them wins, and the file follows the winner."""

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from tests.live import ENDED, LiveService, wait_until

JOBS = 60
BATCH = 10


def race(service: LiveService, seed: int) -> str:
    """Cancel a short job at a random moment of its life; answers how it ended."""
    chance = random.Random(seed)
    steps = [chance.uniform(0, 0.03) for _ in range(2)]
    job_id = service.submit(options={"step_seconds": steps[0], "chunk_seconds": steps[1]})
    moment = chance.choice(["running", "denoising", "decoding", "encoding_video", *ENDED])
    wait_until(lambda: _is_at(service, job_id, moment), what=f"{job_id} is at {moment}")
    answer = service.cancel(job_id)
    assert answer.status_code in (200, 409), answer.text
    return str(wait_until(lambda: _end(service, job_id), what=f"{job_id} ends"))


def test_one_wins_and_the_file_follows(service: LiveService) -> None:
    service.finish()
    worker = service.worker_pid()
    outcomes: Counter[str] = Counter()
    for first in range(0, JOBS, BATCH):
        with ThreadPoolExecutor(2) as clients:
            seeds = range(first, first + BATCH)
            outcomes.update(clients.map(lambda seed: race(service, seed), seeds))
    assert set(outcomes) == {"completed", "cancelled"}, outcomes
    for job in service.jobs()[:JOBS]:
        files = service.videos(job["id"])
        assert len(files) == (1 if job["state"] == "completed" else 0), job
        if files:
            assert service.client.get(job["links"]["download"]).status_code == 200
    assert service.partials() == []
    assert service.worker_pid() == worker, "a cancelled job took a healthy worker down"


def _is_at(service: LiveService, job_id: str, moment: str) -> bool:
    job = service.job(job_id)
    return job["state"] in (moment, *ENDED) or job["progress"]["phase"] == moment


def _end(service: LiveService, job_id: str) -> str | None:
    state = service.job(job_id)["state"]
    return state if state in ENDED else None
