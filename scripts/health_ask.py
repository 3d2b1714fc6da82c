"""Asks the services how they are, and names what is wrong. Needs nothing but Python."""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from scripts.plain_http import Unreachable, get, without_password
from scripts.services import PORTS, ROOT

LOW_DISK_BYTES = 20 * 10**9
LOW_CLOCK = 0.4
"""Of a GPU's highest clock. A DGX Spark that is stuck runs at 500 to 850 of 3003 MHz under load,
and draws 15 to 30 W; a healthy one runs at 2400, or at 2100 where it was capped on purpose.
Sources: Blackwellboy/model-serving-minefield, pull request 55;
parallelArchitect/spark-gpu-throttle-check, README.md."""
BUSY = 0.8
"""Utilization from which a low clock is no rest."""
PRODUCT_TFLOPS = {"GB10": 85.0, "H100": 600.0, "H200": 600.0}
"""What a short bfloat16 product reaches on a GPU that is well. Half of it clears any clock."""
_MOVE = "Stop it, or set {}_PORT in .env to a free port."


@dataclass(frozen=True)
class Health:
    """One service, as far as it answered."""

    name: str
    url: str
    state: str
    """ok, warn (it answers, and something is wrong) or down."""
    problems: tuple[str, ...] = ()
    ready: dict[str, Any] = field(default_factory=dict)
    info: dict[str, Any] = field(default_factory=dict)
    queue: dict[str, Any] = field(default_factory=dict)


def urls_on(host: str) -> dict[str, str]:
    """Every service, and where it is on ``host``; ``WAN21_PORT``, here or in .env, moves one."""
    settings = _env_file() | os.environ
    ports = {name: settings.get(f"{name.upper()}_PORT") or port for name, port in PORTS.items()}
    return {name: f"http://{host}:{port}" for name, port in ports.items()}


def check_all(urls: dict[str, str], key: str | None = None) -> list[Health]:
    """Ask every service, all at once."""
    with ThreadPoolExecutor(len(urls)) as pool:
        return list(pool.map(lambda name: check(name, urls[name], key), urls))


def check(name: str, url: str, key: str | None = None) -> Health:
    """Ask one service for everything; ``url`` may have the user and the password of a proxy."""
    shown = without_password(url)
    try:
        get(f"{url}/health", key)
        _recognise(name, get(f"{url}/", key))
    except Unreachable as exc:
        fix = exc.fix or (
            f"Start it with `docker compose up -d {name}` or `make serve`; `make logs` says why."
        )
        return Health(name, shown, "down", (f"{exc} {fix}",))
    problems, answers = [], {}
    for part, usable in (("ready", bool), ("info", _is_info), ("queue/status", bool)):
        try:
            answer = get(f"{url}/{part}", key)
            if not usable(answer):
                raise Unreachable("An answer of another version. Run `make build up`.")
            answers[part] = answer
        except Unreachable as exc:
            problems.append(f"/{part}: {exc}")
    ready, info, queue = (answers.get(part, {}) for part in ("ready", "info", "queue/status"))
    problems += [*ready.get("reasons", []), *_problems(info), *_queue_problems(queue)]
    state = "warn" if problems else "ok"
    return Health(name, shown, state, tuple(problems), ready, info, queue)


def _recognise(name: str, root: dict[str, Any]) -> None:
    """Raises Unreachable: it is not this service that answers."""
    if root.get("name") != "VideosDGX":
        raise Unreachable("Another program answers there.", _MOVE.format(name.upper()))
    if root.get("model") != name:
        raise Unreachable(f"It is {root.get('model')} that answers.", _MOVE.format(name.upper()))


def _is_info(info: dict[str, Any]) -> bool:
    """Whether everything is there that the table shows."""
    pool = {"kind", "total_bytes", "available_bytes", "free_bytes", "floor_bytes", "limit_bytes"}
    try:
        return bool(
            pool <= info["pool"].keys()
            and info["system"]["disk_free_bytes"] >= 0
            and {"id", "revision"} <= info["checkpoint"].keys()
            and "model" in info
            and all({"model", "answers"} <= lease.keys() for lease in info["pool"]["leases"])
        )
    except (AttributeError, KeyError, TypeError):
        return False


def _problems(info: dict[str, Any]) -> list[str]:
    problems = []
    if info and info["system"]["disk_free_bytes"] < LOW_DISK_BYTES:
        free = in_gb(info["system"]["disk_free_bytes"])
        problems.append(f"The disk has {free} left. Delete old jobs (DELETE /jobs/{{id}}).")
    if info and info["checkpoint"]["revision"] is None:
        name = info["model"]
        problems.append(f"No checkpoint on disk. Run `scripts/download_models.sh {name}`.")
    problems += gpu_problems(info)
    pool = info.get("pool", {})
    if pool and pool["available_bytes"] < pool["floor_bytes"]:
        free = in_gb(pool["available_bytes"])
        problems.append(f"Only {free} of memory available: end other programs, or POST /unload.")
    for lease in info.get("pool", {}).get("leases", []):
        if lease["model"] == info["model"] and not lease["answers"]:
            problems.append("Its worker does not answer: stopped, or its container is paused.")
    return problems


def gpu_problems(info: dict[str, Any]) -> list[str]:
    """Whether the GPU is stuck in a low-power state: slow under load, and nothing says why.

    A service looks twice: during a short product after each load, and now, if the GPU is busy.
    """
    system = info.get("system", {})
    name = next(iter(system.get("gpus") or []), "GPU")
    now = system.get("gpu") or {}
    looks = [info.get("loaded", {}).get("gpu") or {}, now if _is_busy(now) else {}]
    return [_stuck(name, look) for look in looks if is_stuck(name, look)][-1:]


def is_stuck(name: str, look: dict[str, Any]) -> bool:
    """By speed where it is known to be right, else by the clock: GPUs are also shared, and capped.

    Args:
        name: of the GPU.
        look: ``tflops``, ``clock_mhz``, ``max_clock_mhz`` while it was busy, each where known.
    """
    usual = next((speed for part, speed in PRODUCT_TFLOPS.items() if part in name), None)
    speed, clock, most = (look.get(key) for key in ("tflops", "clock_mhz", "max_clock_mhz"))
    if usual and speed and speed >= usual / 2:
        return False
    return bool(clock and most and clock < LOW_CLOCK * most)


def _is_busy(now: dict[str, Any]) -> bool:
    return (now.get("utilization") or 0) >= BUSY


def _stuck(name: str, look: dict[str, Any]) -> str:
    figures = [
        f"{look['clock_mhz']:.0f} of {look['max_clock_mhz']:.0f} MHz",
        *([f"{look['power_watts']:.0f} W"] if look.get("power_watts") else []),
        *([f"{look['tflops']:.0f} TFLOP/s"] if look.get("tflops") else []),
    ]
    return (
        f"The {name} is stuck in a low-power state: {', '.join(figures)} under load. Shut the"
        " machine down, pull its power adapter from the wall and from the machine for a minute,"
        " and start it again; a restart alone does not help."
    )


def _queue_problems(queue: dict[str, Any]) -> list[str]:
    unfinished = sum(queue.get(name, 0) for name in ("queued", "waiting", "running", "cancelling"))
    if queue and unfinished >= queue.get("max_queue", unfinished + 1):
        return ["The queue is full: new jobs get 429 until one ends, or raise MAX_QUEUE."]
    return []


def _env_file() -> dict[str, str]:
    path = ROOT / ".env"
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    pairs = (line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    return {name.strip(): value.strip() for name, value in pairs}


def in_gb(count: float) -> str:
    """``31.2 GB``."""
    return f"{count / 2**30:.1f} GB"
