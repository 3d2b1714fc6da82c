"""One video from each model, on tiny random weights, through the real services.

``python -m scripts.demo [MODEL ...]``. Needs no GPU and no download; takes about a minute.
"""

import argparse
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from common.contract.finding import load_spec
from scripts.make_tiny_checkpoints import MODELS
from scripts.playback import Played, difference, play
from scripts.progress import Display, ended, seconds_of
from scripts.service_process import ServiceFailed, ServiceProcess, clean_environment, port_for
from scripts.services import spec_address

PROMPT = "A cat walking on a beach at sunset"
REQUESTS: dict[str, dict[str, Any]] = {
    "ltx2": {"duration": 2, "resolution": "512x288", "fps": 24, "num_inference_steps": 8},
    "wan21": {"num_frames": 17, "resolution": "640x352", "num_inference_steps": 4},
    "magi1": {"num_frames": 48, "resolution": "256x256", "num_inference_steps": 8},
    "waver": {"num_frames": 17, "resolution": "640x352", "num_inference_steps": 4},
}
"""Small and short: on a CPU even tiny weights take seconds a step. Others are asked for a draft."""

POLL_SECONDS = 0.2
NOTICE = """\
The weights are tiny and random: every part runs as with the real ones, but the pictures mean
nothing. They look like coloured noise. Real weights come from scripts/download_models.sh."""


class DemoFailed(Exception):
    """Something is not as it must be."""


@dataclass(frozen=True)
class Film:
    """A finished video that was found to be what it should."""

    model: str
    path: Path
    played: Played
    seconds: float


def main() -> int:
    """Run the demo; answers the exit code."""
    args = _parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    started = time.monotonic()
    try:
        films = run(args.models or MODELS, args.folder.resolve())
    except (DemoFailed, ServiceFailed, httpx.HTTPError, OSError) as exc:
        print(f"\nThe demo failed. {exc}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return 130
    print(f"\n{_table(films)}\n\n{NOTICE}\nAll of it took {time.monotonic() - started:.0f} s.")
    return 0


def run(models: Sequence[str], folder: Path) -> list[Film]:
    """Make, fetch and check one video a model."""
    print(f"Tiny random weights of {', '.join(models)} ...", flush=True)
    _make_checkpoints(models, folder)
    with _services(models, folder) as services, httpx.Client(timeout=30) as client:
        print(f'"{PROMPT}"\n', flush=True)
        jobs = {service.name: _post(client, service) for service in services}
        display = Display()
        display.show(jobs)
        while not all(map(ended, jobs.values())):
            time.sleep(POLL_SECONDS)
            jobs = {service.name: _read(client, service, jobs) for service in services}
            display.show(jobs)
        return [_fetch(client, service, jobs[service.name], folder) for service in services]


def _make_checkpoints(models: Sequence[str], folder: Path) -> None:
    """In a process of its own: it needs torch, this one does not."""
    log = folder / "logs" / "checkpoints.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "scripts.make_tiny_checkpoints", *models]
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


def _fetch(
    client: httpx.Client, service: ServiceProcess, job: dict[str, Any], folder: Path
) -> Film:
    """Download the video and play it through."""
    if job["state"] != "completed":
        _print_tails([service])
        error = job["error"] or {}
        words = (error.get("message"), error.get("hint"))
        raise DemoFailed(f"{service.name}: the job {job['state']}. {' '.join(filter(None, words))}")
    path = _download(client, f"{service.url}{job['links']['download']}", folder / "videos")
    played = play(path)
    if wrong := difference(played, job["resolved"]):
        raise DemoFailed(f"{service.name}: {wrong} ({path})")
    return Film(service.name, path, played, seconds_of(job))


def _download(client: httpx.Client, url: str, folder: Path) -> Path:
    """Keep it under the name that the service gives it."""
    folder.mkdir(parents=True, exist_ok=True)
    response = client.get(url).raise_for_status()
    named = re.search(r'filename="([^"/]+)"', response.headers["content-disposition"])
    if named is None:
        raise DemoFailed(f"{url}: the download has no file name.")
    path = folder / named[1]
    path.write_bytes(response.content)
    return path


def _table(films: Sequence[Film]) -> str:
    rows = [("model", "size", "frames", "fps", "audio", "seconds", "file"), *map(_row, films)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
    return "\n".join(lines)


def _row(film: Film) -> tuple[str, ...]:
    played, megabytes = film.played, film.path.stat().st_size / 1e6
    heard = "-" if played.audio_seconds is None else f"{played.audio_seconds:.2f} s"
    size = f"{played.width}x{played.height} {megabytes:.1f} MB"
    shown = film.path.relative_to(Path.cwd()) if film.path.is_relative_to(Path.cwd()) else film.path
    numbers = (str(played.num_frames), f"{played.fps:g}", heard, f"{film.seconds:.1f}")
    return (film.model, size, *numbers, str(shown))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m scripts.demo", description=__doc__)
    parser.add_argument("models", nargs="*", metavar="MODEL", help=f"of {', '.join(MODELS)}")
    parser.add_argument(
        "--folder", type=Path, default=Path(".demo"), help="for weights, logs and videos"
    )
    args = parser.parse_args()
    for name in args.models:
        if name not in MODELS:
            parser.error(f"no such model: {name} (there are {', '.join(MODELS)})")
    return args


if __name__ == "__main__":
    sys.exit(main())
