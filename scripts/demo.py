"""One video from each model, on tiny weights, through the real services; then one film.

``python -m scripts.demo [MODEL ...] [--open]``. Needs no GPU and no download; takes about a minute.
The models that are made by name alone are in ``BY_NAME``.
"""

import argparse
import shutil
import signal
import subprocess
import sys
import time
import webbrowser
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx

from common.contract.finding import load_spec
from scripts.films import DemoFailed, Film, fetch, table
from scripts.make_tiny_checkpoints import MODELS
from scripts.narrated import make_film
from scripts.narration import SCENES
from scripts.progress import Display, ended
from scripts.service_process import ServiceFailed, ServiceProcess, clean_environment, port_for
from scripts.services import spec_address
from scripts.shapes.asking import PLAIN
from scripts.shapes.captions import english
from scripts.shapes.weights import MODELS as TRAINED_MODELS
from scripts.shapes.weights import install

SCENE = next(iter(SCENES.values()))
PROMPT = english(SCENE)
REQUESTS: dict[str, dict[str, Any]] = {
    "ltx2": {"duration": 2, "resolution": "512x288", "fps": 24, "num_inference_steps": 8},
    "wan21": {"num_frames": 17, "resolution": "640x352", "num_inference_steps": 4},
    "magi1": {"num_frames": 48, "resolution": "256x256", "num_inference_steps": 8},
    "waver": {"num_frames": 17, "resolution": "640x352", "num_inference_steps": 4},
    "hunyuan": {"num_frames": 17, "resolution": "256x256", "num_inference_steps": 4},
    **{model: dict(PLAIN) for model in TRAINED_MODELS},
}
"""Small and short: on a CPU even tiny weights take seconds a step. Others are asked for a draft."""

BY_NAME = frozenset({"hunyuan"})
"""Its weights are random, and even a tiny autoencoder of its kind is slow on a CPU."""
CUTTING_ROOM = "studio"
USUAL = tuple(model for model in MODELS if model not in BY_NAME)

POLL_SECONDS = 0.2
NOTICE = "Every part runs as with the real weights, which scripts/download_models.sh brings."


def main() -> int:
    """Run the demo; answers the exit code."""
    args = _parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    started = time.monotonic()
    try:
        run(args.models or USUAL, args.folder.resolve(), stay=args.open)
    except (DemoFailed, ServiceFailed, httpx.HTTPError, OSError) as exc:
        print(f"\nThe demo failed. {exc}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return 130
    print(f"{NOTICE}\nAll of it took {time.monotonic() - started:.0f} s.")
    return 0


def run(models: Sequence[str], folder: Path, *, stay: bool) -> None:
    """Make, fetch and check one video a model."""
    begun = time.monotonic()
    print(f"Tiny weights of {', '.join(models)} ...", flush=True)
    _make_checkpoints(models, folder)
    weights = time.monotonic()
    with _services(_needed(models), folder) as services, httpx.Client(timeout=30) as client:
        up = time.monotonic()
        _tell(_films(client, services[: len(models)], folder))
        made = time.monotonic()
        _narrate(services, folder)
        parts = {"weights": weights - begun, "start": up - weights, "videos": made - up}
        print(_seconds(parts | {"film": time.monotonic() - made}), flush=True)
        if stay:
            _stay(services)


def _needed(models: Sequence[str]) -> Sequence[str]:
    """The cutting room too, where there is something to see."""
    return [*models, CUTTING_ROOM] if set(models) & set(TRAINED_MODELS) else models


def _films(
    client: httpx.Client, services: Sequence[ServiceProcess], folder: Path
) -> Sequence[Film]:
    """One video of each, which shows how far it is meanwhile."""
    print(f'"{PROMPT}"\n', flush=True)
    jobs = {service.name: _post(client, service) for service in services}
    display = Display()
    display.show(jobs)
    while not all(map(ended, jobs.values())):
        time.sleep(POLL_SECONDS)
        jobs = {service.name: _read(client, service, jobs) for service in services}
        display.show(jobs)
    return [_film(client, service, jobs[service.name], folder) for service in services]


def _narrate(services: Sequence[ServiceProcess], folder: Path) -> None:
    addresses = {service.name: service.url for service in services}
    if room := addresses.get(CUTTING_ROOM):
        trained = next(url for name, url in addresses.items() if name in TRAINED_MODELS)
        print(f"One film: {make_film(trained, room, folder / 'videos')}\n", flush=True)


def _tell(films: Sequence[Film]) -> None:
    shown = "\n".join(f"{film.model:8}{film.shown}" for film in films)
    print(f"\n{table(films)}\n\n{shown}\n", flush=True)


def _seconds(parts: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {taken:.0f} s" for name, taken in parts.items()) + "\n"


def _stay(services: Sequence[ServiceProcess]) -> None:
    page = f"{services[-1].url}/ui"
    webbrowser.open(page)
    print(f"{page} is open until Ctrl-C.", flush=True)
    with suppress(KeyboardInterrupt):
        signal.pause()


def _make_checkpoints(models: Sequence[str], folder: Path) -> None:
    """In a process of its own: it needs torch, this one does not."""
    for model in set(models) & set(TRAINED_MODELS):
        install(model, folder / "models")
    random = [model for model in models if model not in TRAINED_MODELS]
    if not random:
        return
    log = folder / "logs" / "checkpoints.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "scripts.make_tiny_checkpoints", *random]
    with log.open("wb") as output:
        made = subprocess.run(
            [*command, "--models-dir", str(folder / "models")],
            env=clean_environment(),
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if made.returncode:
        raise DemoFailed(f"The weights could not be made:\n{log.read_text(errors='replace')}")


@contextmanager
def _services(models: Sequence[str], folder: Path) -> Iterator[list[ServiceProcess]]:
    """The services, up; ended in good order whatever happens."""
    # Like a tiny checkpoint, a job of an earlier demo is nothing to go on with.
    for leftovers in ("outputs", "state"):
        shutil.rmtree(folder / leftovers, ignore_errors=True)
    with ExitStack() as stack:
        services = [_started(stack, model, folder) for model in models]
        try:
            for service in services:
                service.wait_until_up()
            yield services
        except ServiceFailed:
            _print_tails(services)
            raise


def _started(stack: ExitStack, model: str, folder: Path) -> ServiceProcess:
    usual = load_spec(spec_address(model)).port
    port = port_for(usual)
    service = ServiceProcess(model, folder, port, {"DRAIN_SECONDS": "0"})
    stack.callback(service.stop)
    taken = f" ({usual} is taken)" if port != usual else ""
    print(f"{model:8}{service.url}{taken}", flush=True)
    return service


def _print_tails(services: Sequence[ServiceProcess]) -> None:
    for service in services:
        print(f"\n{service.log}:\n{service.log_tail()}", file=sys.stderr)


def _post(client: httpx.Client, service: ServiceProcess) -> dict[str, Any]:
    body = {"prompt": PROMPT, "seed": 42, **REQUESTS.get(service.name, {"preset": "draft"})}
    return _answer(client.post(f"{service.url}/generate", json=body), service)


def _read(
    client: httpx.Client, service: ServiceProcess, jobs: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    service.check()
    job = jobs[service.name]
    if ended(job):
        return job
    return _answer(client.get(f"{service.url}{job['links']['self']}"), service)


def _answer(response: httpx.Response, service: ServiceProcess) -> dict[str, Any]:
    body: dict[str, Any] = response.json()
    if response.is_error:
        raise DemoFailed(f"{service.name}: {body['error']['message']}")
    return body


def _film(client: httpx.Client, service: ServiceProcess, job: dict[str, Any], folder: Path) -> Film:
    if job["state"] != "completed":
        _print_tails([service])
        error = job["error"] or {}
        words = (error.get("message"), error.get("hint"))
        raise DemoFailed(f"{service.name}: the job {job['state']}. {' '.join(filter(None, words))}")
    scene = SCENE if service.name in TRAINED_MODELS else None
    return fetch(client, service.url, job, folder / "videos", scene)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m scripts.demo", description=__doc__)
    parser.add_argument("models", nargs="*", metavar="MODEL", help=f"of {', '.join(MODELS)}")
    parser.add_argument(
        "--folder", type=Path, default=Path(".demo"), help="for weights, logs and videos"
    )
    parser.add_argument("--open", action="store_true", help="show the page when all is made")
    args = parser.parse_args()
    for name in args.models:
        if name not in MODELS:
            parser.error(f"no such model: {name} (there are {', '.join(MODELS)})")
    return args


if __name__ == "__main__":
    sys.exit(main())
