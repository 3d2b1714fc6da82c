"""The few calls that the measurements make of a service, and waiting for a job."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from scripts.service_process import ServiceFailed, ServiceProcess, port_for

POLL_SECONDS = 0.02
ENDED = ("completed", "failed", "cancelled")

Json = dict[str, Any]


class Client:
    """One service's API."""

    def __init__(self, service: ServiceProcess) -> None:
        self.service = service
        self._http = httpx.Client(base_url=service.url, timeout=60)

    def submit(self, body: Json) -> str:
        """The id of a new job."""
        return str(self.post("/generate", body)["id"])

    def job(self, job_id: str) -> Json:
        """A job as it is now."""
        return self.get(f"/jobs/{job_id}")

    def get(self, path: str) -> Json:
        """Read something."""
        return self._body(self._http.get(path))

    def post(self, path: str, body: Json | None = None) -> Json:
        """Ask for something."""
        return self._body(self._http.post(path, json=body))

    def wait(
        self,
        job_id: str,
        until: Callable[[Json], bool],
        seen: Callable[[Json], None] = lambda _job: None,
        every: float = POLL_SECONDS,
    ) -> Json:
        """Poll a job until it is as it should be; ``seen`` gets every look at it.

        Raises:
            ServiceFailed: the job ended before that.
        """
        while True:
            job = self.job(job_id)
            seen(job)
            if until(job):
                return job
            if job["state"] in ENDED:
                raise ServiceFailed(f"the job {job['state']}: {job['error']}")
            time.sleep(every)

    def complete(self, body: Json, every: float = POLL_SECONDS) -> Json:
        """Run a job to its good end, first looking after ``every`` seconds."""
        job_id = self.submit(body)
        time.sleep(every)
        return self.wait(job_id, is_completed, every=every)

    @staticmethod
    def _body(response: httpx.Response) -> Json:
        body: Json = response.raise_for_status().json()
        return body


def is_completed(job: Json) -> bool:
    """Whether there is a video."""
    return bool(job["state"] == "completed")


@contextmanager
def running(
    name: str, folder: Path, package: str = "", **settings: str
) -> Iterator[tuple[ServiceProcess, Client]]:
    """A service that is up, on a free port; gone afterwards. It makes whatever is asked for."""
    given = {"DRAIN_SECONDS": "0", "REQUEST_CACHE": "off", **settings}
    service = ServiceProcess(name, folder, port_for(0), given, package)
    try:
        service.wait_until_up()
        yield service, Client(service)
    except ServiceFailed:
        print(f"{service.log}:\n{service.log_tail()}")
        raise
    finally:
        service.stop()
