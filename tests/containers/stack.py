"""The containers, through what their owner types: make, docker, and HTTP from the host."""

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from common.contract.finding import load_spec
from scripts.services import MODELS, spec_address
from tests.live import ENDED, wait_until

ROOT = Path(__file__).parents[2]
STACK = "videosdgx-test"
"""In front of every image, volume and container here: a real stack on this machine is not met."""
PORT_SHIFT = 10000
UP_SECONDS = 120
JOB_SECONDS = 400


@dataclass
class Stack:
    """One stack of containers, with ports, volumes and images of its own."""

    env_file: Path
    docker: str = os.environ.get("DOCKER", "docker")
    settings: dict[str, object] = field(default_factory=dict)
    _client: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=20, trust_env=False))

    def configure(self, **settings: object) -> None:
        """Write the services' settings, on top of those from before."""
        self.settings |= settings
        lines = (f"{name.upper()}={value}\n" for name, value in self.settings.items())
        self.env_file.write_text("".join(lines))

    # What is typed

    def make(
        self, *words: str, check: bool = True, folder: Path = ROOT
    ) -> subprocess.CompletedProcess[str]:
        """``make`` in the repository, or in a copy of it."""
        return self._run(
            ["make", "--no-print-directory", "--directory", str(folder), *words], check
        )

    def compose(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Compose, whichever make would take."""
        plugin = [self.docker, "compose"]
        there = self._run([*plugin, "version"], check=False).returncode == 0
        return self._run([*(plugin if there else ["docker-compose"]), *words], check)

    def docker_run(self, *words: str, check: bool = True) -> str:
        """The output of a docker command."""
        return self._run([self.docker, *words], check).stdout.strip()

    def inside(self, service: str, *command: str) -> str:
        """The output of a command in a service's container."""
        return self.docker_run("exec", self.container(service), *command)

    def _run(self, command: list[str], check: bool) -> subprocess.CompletedProcess[str]:
        ended = subprocess.run(
            command, cwd=ROOT, env=self._environment(), capture_output=True, text=True, check=False
        )
        if check:
            assert ended.returncode == 0, f"{command}\n{ended.stdout[-4000:]}{ended.stderr[-4000:]}"
        return ended

    def _environment(self) -> Mapping[str, str]:
        ports = {f"{name.upper()}_PORT": str(port) for name, port in self.ports.items()}
        ours = {
            "STACK": STACK,
            "COMPOSE_PROJECT_NAME": STACK,
            "COMPOSE_FILE": "docker-compose.yml",
            "COMPOSE_PROFILES": "",
            "ENV_FILE": str(self.env_file),
            "PYTHON": sys.executable,
            # A container may not be harder to end than its engine, where that is restricted.
            "OPEN_FILES": str(min(65536, resource.getrlimit(resource.RLIMIT_NOFILE)[1])),
            "API_OOM_SCORE_ADJ": "-500" if _may_lower_oom_score() else "0",
        }
        return {**os.environ, **ports, **ours}

    # What runs

    @property
    def ports(self) -> dict[str, int]:
        return {name: load_spec(spec_address(name)).port + PORT_SHIFT for name in MODELS}

    def container(self, service: str) -> str:
        """The id of a service's container."""
        labels = {"project": STACK, "service": service}
        filters = [f"--filter=label=com.docker.compose.{key}={labels[key]}" for key in labels]
        return self.docker_run("ps", "--all", "--quiet", "--no-trunc", *filters)

    def inspect(self, what: str) -> dict[str, Any]:
        """All that docker knows about a container or an image."""
        found: dict[str, Any] = json.loads(self.docker_run("inspect", what))[0]
        return found

    def state(self, service: str) -> dict[str, Any]:
        """Running or not, health, the process id on the host."""
        state: dict[str, Any] = self.inspect(self.container(service))["State"]
        return state

    def up(self) -> float:
        """``make up``, until all are healthy; answers the seconds."""
        started = time.monotonic()
        self.make("up")
        for service in MODELS:
            self.wait_healthy(service)
        return time.monotonic() - started

    def wait_healthy(self, service: str) -> None:
        wait_until(
            lambda: self.state(service).get("Health", {}).get("Status") == "healthy",
            UP_SECONDS,
            f"{service} is healthy",
        )

    # HTTP from the host

    def url(self, service: str) -> str:
        return f"http://127.0.0.1:{self.ports[service]}"

    def ask(self, method: str, service: str, path: str, body: object = None) -> httpx.Response:
        """An answer that must be a success."""
        answer = self._client.request(method, self.url(service) + path, json=body)
        assert answer.is_success, answer.text
        return answer

    def get(self, service: str, path: str) -> Any:
        """The JSON behind a path."""
        return self.ask("GET", service, path).json()

    def post(self, service: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """The JSON that a POST answers."""
        found: dict[str, Any] = self.ask("POST", service, path, body).json()
        return found

    def submit(self, service: str, body: dict[str, Any]) -> str:
        """Post a job; answers its id."""
        return str(self.post(service, "/generate", body)["id"])

    def train(self, clips: bytes, fields: dict[str, Any]) -> str:
        """Post a training; answers its id."""
        return self.upload("trainer", "/train", fields, clips=("set.zip", clips))

    def upload(
        self,
        service: str,
        path: str,
        fields: Mapping[str, Any] | None = None,
        **files: tuple[str, bytes],
    ) -> str:
        """Post a form with files, by their fields; answers the job's id."""
        answer = self._client.post(self.url(service) + path, data=dict(fields or {}), files=files)
        assert answer.is_success, answer.text
        return str(answer.json()["id"])

    def put(self, service: str, path: str, data: bytes) -> dict[str, Any]:
        """Store a file; answers the JSON."""
        answer = self._client.put(self.url(service) + path, content=data)
        assert answer.is_success, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def job(self, service: str, job_id: str) -> dict[str, Any]:
        job: dict[str, Any] = self.get(service, f"/jobs/{job_id}")
        return job

    def wait_for(self, service: str, job_id: str, *states: str) -> dict[str, Any]:
        """Wait for one of ``states`` or of ``phases``, also while its container is away."""
        seen = dict[str, Any]()

        def reached() -> dict[str, Any] | None:
            try:
                job = self.job(service, job_id)
            except httpx.TransportError:
                return None
            seen.update(state=job["state"], **job["progress"])
            if job["state"] in states or job["progress"]["phase"] in states:
                return job
            assert job["state"] not in ENDED, f"{job['state']}, not {states}: {job['error']}"
            return None

        try:
            return wait_until(reached, JOB_SECONDS, f"job {job_id} is {' or '.join(states)}")
        except AssertionError:
            print(f"\n  {service} said last: {seen}")
            raise

    # Clean up

    def close(self) -> None:
        """Leave nothing behind but the images."""
        self.destroy()
        self._client.close()

    def destroy(self) -> None:
        """End containers, network and volumes; the images stay, for the next run to begin with."""
        self.make("down", check=False)
        names = self.docker_run("volume", "ls", "--quiet", f"--filter=name=^{STACK}_").split()
        if names:
            self.docker_run("volume", "rm", *names, check=False)


def _may_lower_oom_score() -> bool:
    capabilities = Path("/proc/self/status").read_text().split("CapEff:")[1].split()[0]
    sys_resource = 24  # man 7 capabilities; linux/capability.h
    return bool(int(capabilities, 16) >> sys_resource & 1)
