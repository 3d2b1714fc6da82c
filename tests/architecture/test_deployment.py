"""The images and the compose files, as far as they can be checked without an engine."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from common.api.life.server import CONNECTIONS_GRACE_SECONDS
from common.base.settings import Settings
from common.contract.finding import load_spec
from scripts.services import MODELS, spec_address
from tests.receivers import receiver

ROOT = Path(__file__).parents[2]
COMPOSE_FILES = (
    "docker-compose.yml",
    "docker-compose.gpu.yml",
    "docker-compose.override.yml.example",
)
DOCKERFILES = ("scripts/base.Dockerfile", *(f"{model}/Dockerfile" for model in MODELS))
SHELL_FILES = [*sorted(ROOT.glob("scripts/*.sh")), *sorted(ROOT.glob(".ci/*"))]
SHARED = {"models:/models", "outputs:/outputs", "state:/state"}
STOP_MARGIN_SECONDS = 10


def read(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / name).read_text())
    return found


SERVICES: dict[str, Any] = read("docker-compose.yml")["services"]


def run(tool: str, *arguments: object) -> None:
    """Run a checker that comes with the development tools."""
    path = shutil.which(tool, path=str(Path(sys.executable).parent)) or shutil.which(tool)
    if path is None:
        pytest.skip(f"{tool} is not installed")
    command = [path, *map(str, arguments)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.mark.parametrize("name", COMPOSE_FILES)
def test_compose_files_follow_the_specification(name: str):
    schema = ("--builtin-schema", "vendor.compose-spec", "--default-filetype", "yaml")
    run("check-jsonschema", *schema, name)


def test_compose_files_say_nothing_that_docker_compose_1_29_does_not_know():
    unknown = {"name", "include", "develop", "models", "configs"}
    for name in COMPOSE_FILES:
        assert not unknown & set(read(name)), name
    for service in SERVICES.values():
        assert not {"pull_policy", "annotations", "develop", "post_start"} & set(service)
        assert not {"start_interval"} & set(service.get("healthcheck", {}))


@pytest.mark.parametrize("name", DOCKERFILES)
def test_dockerfiles_pass_hadolint(name: str):
    run("hadolint", name)


@pytest.mark.parametrize("path", SHELL_FILES, ids=lambda path: path.name)
def test_shell_scripts_pass_shellcheck(path: Path):
    run("shellcheck", "--external-sources", path)


@pytest.mark.parametrize("model", MODELS)
def test_every_model_has_its_container(model: str):
    service, port = SERVICES[model], load_spec(spec_address(model)).port
    name = model.upper()
    assert service["build"]["dockerfile"] == f"{model}/Dockerfile"
    assert service["ports"] == [f"127.0.0.1:${{{name}_PORT:-{port}}}:{port}"]
    assert service["environment"][f"{name}_PORT"] == str(port)
    assert set(service["volumes"]) >= SHARED
    dockerfile = (ROOT / model / "Dockerfile").read_text()
    assert f"EXPOSE {port}\n" in dockerfile
    assert f"http://127.0.0.1:{port}/health" in dockerfile
    assert f'CMD ["python", "-m", "{model}.app"]' in dockerfile
    assert model in read("docker-compose.gpu.yml")["services"]
    assert model in read("docker-compose.override.yml.example")["services"]
    assert f"!{model}" in (ROOT / ".dockerignore").read_text().splitlines()


def test_a_container_asks_itself_how_it_is_past_any_proxy():
    """Engines hand their own proxy to all that runs in a container."""
    asks = set()
    for model in MODELS:
        dockerfile = (ROOT / model / "Dockerfile").read_text()
        (command,) = re.findall(r"HEALTHCHECK .*\\\n  CMD (\[.*\])", dockerfile)
        asks.add(command.replace(str(load_spec(spec_address(model)).port), "PORT"))
    (one,) = asks
    with receiver() as service:
        _, *arguments = json.loads(one.replace("PORT", str(service.port)))
        environment = {"http_proxy": "http://127.0.0.1:9"}
        subprocess.run([sys.executable, *arguments], env=environment, check=True)
        assert [told.path for told in service.told] == ["/health"]


@pytest.mark.parametrize("name", SERVICES)
def test_every_container_is_fenced_in(name: str):
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert service["restart"] == "unless-stopped"
    assert service["pids_limit"] > 0
    assert service["logging"]["options"].keys() == {"max-size", "max-file"}
    assert not service.get("privileged")
    addresses = [port.split(":")[0] for port in service["ports"] if "TLS_ADDRESS" not in port]
    assert set(addresses) <= {"127.0.0.1"}


@pytest.mark.parametrize("model", MODELS)
def test_services_that_need_no_key_are_published_on_this_machine_alone(model: str):
    service = SERVICES[model]
    assert service["environment"]["ALLOW_UNAUTHENTICATED"] == "${ALLOW_UNAUTHENTICATED:-1}"
    assert [port.split(":")[0] for port in service["ports"]] == ["127.0.0.1"]
    assert "${TLS_HOST:-localhost}" in service["environment"]["ALLOWED_HOSTS"]
    assert {"api_keys", "jwt_secret", "jwt_public_key", "stack_secret"} <= set(service["secrets"])
    files = ("content_credentials_certificate", "content_credentials_key")
    assert [service["environment"][name.upper()] for name in files] == [
        f"/run/secrets/{name}" for name in files if name in service["secrets"]
    ]


@pytest.mark.parametrize("name", COMPOSE_FILES)
def test_nothing_limits_memory_by_cgroup(name: str):
    """CUDA's memory is not in a GB10's cgroups; the ledger hands memory out instead."""
    text = (ROOT / name).read_text()
    assert not re.search(r"^\s*(mem_limit|memswap_limit|mem_reservation|memory):", text, re.M)


def test_containers_are_given_time_to_drain():
    longest = Settings.model_fields["drain_seconds"].default
    longest += Settings.model_fields["kill_grace_seconds"].default + CONNECTIONS_GRACE_SECONDS
    for model in MODELS:
        grace = re.fullmatch(
            r"\$\{STOP_GRACE_PERIOD:-(\d+)s\}", SERVICES[model]["stop_grace_period"]
        )
        assert grace is not None
        assert int(grace[1]) >= longest + STOP_MARGIN_SECONDS


def test_one_torch_everywhere():
    places = (
        "Makefile",
        "scripts/base.Dockerfile",
        *(f"{model}/requirements.txt" for model in MODELS),
    )
    pattern = re.compile(r"(?:torch==|TORCH_VERSION=)([\d.]+)")
    found = {pin for place in places for pin in pattern.findall((ROOT / place).read_text())}
    assert found == {"2.13.0"}


def test_nothing_secret_is_in_the_build_context_or_in_git():
    assert (ROOT / ".dockerignore").read_text().splitlines()[1] == "*"
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert {"secrets/", ".env", "backups/"} <= set(ignored)
