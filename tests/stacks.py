"""Services that know each other, and pipelines over them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.live import LiveService, wait_until
from tests.toy.model_config import make_checkpoint

ENDED = ("completed", "failed", "cancelled")
Json = dict[str, Any]


@dataclass
class Stack:
    """Toys in one folder. The first conducts."""

    services: list[LiveService]

    @property
    def first(self) -> LiveService:
        return self.services[0]

    def start(self) -> "Stack":
        """All, at the same time."""
        for service in self.services:
            service.launch()
        for service in self.services:
            service.greet()
        return self

    def post(self, *steps: Json, client: httpx.Client | None = None, **fields: Any) -> Json:
        """A pipeline that must be accepted."""
        body = {"steps": list(steps), **fields}
        answer = (client or self.first.client).post("/pipelines", json=body)
        assert answer.status_code == 202, answer.text
        found: Json = answer.json()
        return found

    def read(self, pipeline: Json) -> Json:
        found: Json = self.first.get(pipeline["links"]["self"])
        return found

    def end(self, pipeline: Json, timeout: float = 90) -> Json:
        """As it has ended."""

        def look() -> Json | None:
            found = self.read(pipeline)
            return found if found["state"] in ENDED else None

        return wait_until(look, timeout, f"pipeline {pipeline['id']} ends")

    def until(self, pipeline: Json, step: int, *states: str) -> Json:
        """Until a step, or its job, is so far."""

        def look() -> Json | None:
            now = self.read(pipeline)
            found: Json = now["steps"][step]
            if {found["state"], found["job_state"]} & set(states):
                return found
            assert now["state"] not in ENDED, now["error"]
            return None

        return wait_until(look, what=f"step {step} is {states}")

    def jobs(self) -> list[str]:
        """Of all services."""
        return [job["id"] for service in self.services for job in service.jobs()]


@contextmanager
def stack_of(folder: Path, *names: str, **settings: object) -> Iterator[Stack]:
    """Toys by these names; none of them runs yet."""
    services = [
        LiveService(folder, f"tests.toy.four {name.upper()}", name, **settings) for name in names
    ]
    addresses = ",".join(f"{name}={one.url}" for name, one in zip(names, services, strict=True))
    for name, service in zip(names, services, strict=True):
        make_checkpoint(service.models, name=name)
        service.settings["STACK_ADDRESSES"] = addresses
    try:
        yield Stack(services)
    finally:
        for service in services:
            service.close()


def clip(name: str, service: str, **body: Any) -> Json:
    """A step of few and small frames."""
    small = {"prompt": "a bar", "num_frames": 9, "fps": 8, "resolution": "32x32", "seed": 1}
    return {"name": name, "service": service, "body": small | body}


def longer(name: str, service: str, of: str, **body: Any) -> Json:
    """A step that goes on with the video of another one, by 8 frames."""
    return clip(name, service, extend={"step": of}, num_frames=8, **body)
