"""How the services are: one table of all of them, their queues, the memory pool and the disk.

``python scripts/health_check.py [--json] [--watch [SECONDS]] [--host HOST]``. Needs nothing but
Python. Exit status: 0 all well, 1 something is wrong, 2 no service answers at all.
"""

import argparse
import json
import os
import sys
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PORTS = {"ltx2": 8001, "wan21": 8002, "magi1": 8003}
"""Every service and its port; ``WAN21_PORT`` in the environment or in .env moves one."""
TIMEOUT_SECONDS = 5
LOW_DISK_BYTES = 20 * 10**9
CLEAR = "\033[2J\033[H"
COLOURS = {"ok": "\033[32m", "busy": "\033[36m", "warn": "\033[33m", "down": "\033[31m"}


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


def main() -> int:
    """Print once, or again and again; answers the exit status."""
    arguments = _parse()
    while True:
        found = check_all(arguments.host)
        text = as_json(found) if arguments.json else as_table(found, colour=_coloured())
        print(CLEAR + text if arguments.watch and not arguments.json else text, flush=True)
        if not arguments.watch:
            return status_of(found)
        try:
            time.sleep(arguments.watch)
        except KeyboardInterrupt:
            return status_of(found)


def check_all(host: str, ports: dict[str, int] | None = None) -> list[Health]:
    """Ask every service, all at once."""
    urls = {name: f"http://{host}:{port}" for name, port in (ports or _ports()).items()}
    with ThreadPoolExecutor(len(urls)) as pool:
        return list(pool.map(lambda item: check(*item), urls.items()))


def check(name: str, url: str) -> Health:
    """Ask one service for everything."""
    try:
        _get(f"{url}/health")
    except _Unreachable as exc:
        fix = f"Start it with `docker compose up -d {name}` or `make serve`; `make logs` says why."
        return Health(name, url, "down", (f"{exc} {fix}",))
    problems, answers = [], {}
    for part in ("ready", "info", "queue/status"):
        try:
            answers[part] = _get(f"{url}/{part}")
        except _Unreachable as exc:
            problems.append(f"/{part}: {exc}")
    problems += answers.get("ready", {}).get("reasons", [])
    problems += _problems(answers.get("info", {}))
    return Health(
        name,
        url,
        "warn" if problems else "ok",
        tuple(problems),
        answers.get("ready", {}),
        answers.get("info", {}),
        answers.get("queue/status", {}),
    )


def status_of(found: list[Health]) -> int:
    """0 all well, 1 something is wrong, 2 nothing answers."""
    if all(one.state == "down" for one in found):
        return 2
    return 0 if all(one.state == "ok" for one in found) else 1


def as_json(found: list[Health]) -> str:
    """For programs."""
    return json.dumps({"status": status_of(found), "services": [vars(one) for one in found]})


def as_table(found: list[Health], *, colour: bool = False) -> str:
    """For people."""
    rows = [("service", "state", "model", "queue", "holds", "doing"), *map(_row, found)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row, one in zip(rows, [None, *found], strict=True):
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        if colour and one is not None:
            cells[1] = f"{COLOURS[one.state]}{cells[1]}\033[0m"
        lines.append("  ".join(cells).rstrip())
    lines += [f"  {one.name}: {text}" for one in found for text in one.problems]
    return "\n".join([*lines, *_machine(found)])


def _row(one: Health) -> tuple[str, ...]:
    if one.state == "down":
        return (one.name, "down", "", "", "", "")
    queue, lease = one.queue, _lease(one)
    busy = {name: queue.get(name, 0) for name in ("running", "waiting", "queued")}
    counts = ", ".join(f"{count} {name}" for name, count in busy.items() if count) or "empty"
    model = one.info.get("loaded", {}).get("state", "?")
    doing = queue.get("waiting_for") or (lease.get("ticket") or {}).get("stage", "")
    return (one.name, one.state, model, counts, _gb(lease.get("used_bytes", 0)), doing)


def _machine(found: list[Health]) -> list[str]:
    """The pool and the disk, as the first service that answered sees them."""
    info = next((one.info for one in found if one.info), None)
    if info is None:
        return []
    pool, disk = info["pool"], info["system"]["disk_free_bytes"]
    limit = f", at most {_gb(pool['limit_bytes'])} handed out" if pool["limit_bytes"] else ""
    return [
        "",
        f"pool   {_gb(pool['free_bytes'])} to hand out of {_gb(pool['total_bytes'])}"
        f" ({pool['kind']}: {_gb(pool['available_bytes'])} available,"
        f" {_gb(pool['floor_bytes'])} always kept free{limit})",
        f"disk   {_gb(disk)} free",
    ]


def _problems(info: dict[str, Any]) -> list[str]:
    problems = []
    if info and info["system"]["disk_free_bytes"] < LOW_DISK_BYTES:
        free = _gb(info["system"]["disk_free_bytes"])
        problems.append(f"The disk has {free} left. Delete old jobs (DELETE /jobs/{{id}}).")
    if info and info["checkpoint"]["revision"] is None:
        name = info["model"]
        problems.append(f"No checkpoint on disk. Run `scripts/download_models.sh {name}`.")
    for lease in info.get("pool", {}).get("leases", []):
        if lease["model"] == info["model"] and not lease["answers"]:
            problems.append("Its worker does not answer: stopped, or its container is paused.")
    return problems


def _lease(one: Health) -> dict[str, Any]:
    leases = one.info.get("pool", {}).get("leases", [])
    return next((lease for lease in leases if lease["model"] == one.name), {})


class _Unreachable(Exception):
    """No answer, or none that can be read."""


def _get(url: str) -> dict[str, Any]:
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310  # http
            found: dict[str, Any] = json.load(answer)
    except urllib.error.HTTPError as exc:
        if exc.code != 503:  # /ready says why
            raise _Unreachable(f"It answers {exc.code}.") from exc
        found = json.load(exc)
    except (OSError, ValueError) as exc:
        raise _Unreachable("Nothing answers.") from exc
    return found


def _ports() -> dict[str, int]:
    settings = _env_file() | os.environ
    return {name: int(settings.get(f"{name.upper()}_PORT") or port) for name, port in PORTS.items()}


def _env_file() -> dict[str, str]:
    path = Path(".env")
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    pairs = (line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    return {name.strip(): value.strip() for name, value in pairs}


def _gb(count: float) -> str:
    return f"{count / 2**30:.1f} GB"


def _coloured() -> bool:
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument("--watch", nargs="?", type=float, const=2.0, help="again every SECONDS")
    parser.add_argument("--host", default="127.0.0.1")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
