"""How the services are: one table of all of them, their queues, the memory pool and the disk.

``python scripts/health_check.py [--json] [--watch [SECONDS]] [--host HOST]
[--service NAME=URL ...]``. Needs nothing but Python; sends the key in VIDEOSDGX_API_KEY, where
there is one. Exit status: 0 all well, 1 something is wrong, 2 no service answers at all.
"""

import argparse
import contextlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

# A plain file that any Python runs, from any folder, without an installation.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts.health_ask import Health, check_all, in_gb, urls_on

CLEAR = "\033[2J\033[H"
COLOURS = {"ok": "\033[32m", "busy": "\033[36m", "warn": "\033[33m", "down": "\033[31m"}


def main() -> int:
    """Print once, or again and again until Ctrl-C; answers the exit status."""
    arguments = _parse()
    urls = dict(arguments.service) or urls_on(arguments.host)
    status = 2
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            found = check_all(urls)
            status = status_of(found)
            text = as_json(found) if arguments.json else as_table(found, colour=_coloured())
            print(CLEAR + text if arguments.watch and not arguments.json else text, flush=True)
            if not arguments.watch:
                break
            time.sleep(arguments.watch)
    return status


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
    return (one.name, one.state, model, counts, in_gb(lease.get("used_bytes", 0)), doing)


def _machine(found: list[Health]) -> list[str]:
    """The pool and the disk, as the first service that answered sees them."""
    info = next((one.info for one in found if one.info), None)
    if info is None:
        return []
    pool, disk = info["pool"], info["system"]["disk_free_bytes"]
    limit = f", at most {in_gb(pool['limit_bytes'])} handed out" if pool["limit_bytes"] else ""
    return [
        "",
        f"pool   {in_gb(pool['free_bytes'])} to hand out of {in_gb(pool['total_bytes'])}"
        f" ({pool['kind']}: {in_gb(pool['available_bytes'])} available,"
        f" {in_gb(pool['floor_bytes'])} always kept free{limit})",
        f"disk   {in_gb(disk)} free",
    ]


def _lease(one: Health) -> dict[str, Any]:
    leases = one.info.get("pool", {}).get("leases", [])
    return next((lease for lease in leases if lease["model"] == one.name), {})


def _named_url(text: str) -> tuple[str, str]:
    name, separator, url = text.partition("=")
    if not (separator and url.startswith(("http://", "https://"))):
        raise argparse.ArgumentTypeError(f"{text} is not like ltx2=http://spark:8001")
    return name, url.rstrip("/")


def _coloured() -> bool:
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument("--watch", nargs="?", type=float, const=2.0, help="again every SECONDS")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument(
        "--service", action="append", default=[], type=_named_url, metavar="NAME=URL"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
