"""What the commands print: tables and texts for people, JSON for programs."""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from scripts.cli.client import Json
from scripts.cli.errors import CliError
from scripts.cli.watching import doing, time_left

LINE_CHARS = 200
"""Of a table that goes into a file or a pipe."""
ID_CHARS = 32


class Output:
    """Results go to standard output; all else, such as a progress bar, to standard error.

    ``aside`` sends results there too: standard output is the video's.
    """

    def __init__(self, *, as_json: bool, aside: bool = False) -> None:
        self.as_json = as_json
        self.out = Console(highlight=False, stderr=aside)
        if not self.out.is_terminal:
            self.out.width = LINE_CHARS
        self.err = Console(stderr=True, highlight=False, quiet=as_json)

    def json(self, value: Any) -> None:
        """As one document."""
        print(json.dumps(value, ensure_ascii=False, indent=2))

    def text(self, words: str) -> None:
        """One line, however long, and nothing in it is markup."""
        self.out.print(_plain(words), markup=False, soft_wrap=True)

    def aside(self, words: str) -> None:
        """One line for people on standard error; programs get none."""
        self.err.print(_plain(words), markup=False, soft_wrap=True)

    def job(self, job: Json) -> None:
        """One job with all that there is to say."""
        if self.as_json:
            self.json(job)
            return
        for name, value in _facts(job):
            self.text(f"{name:<12}{value}")

    def each(self, jobs: list[Json], said: Callable[[Json], str]) -> None:
        """What became of each."""
        if self.as_json:
            self.json(jobs)
            return
        for job in jobs:
            self.text(f"{job['id']}  {said(job)}")

    def jobs(self, jobs: list[Json]) -> None:
        """A line a job."""
        if self.as_json:
            self.json(jobs)
            return
        table = Table(box=None, pad_edge=False)
        table.add_column("id", no_wrap=True, min_width=ID_CHARS)
        for name in ("state", "%", "left", "created", "prompt"):
            table.add_column(name, no_wrap=True, overflow="ellipsis")
        for job in jobs:
            percent = f"{job['progress']['percent']:.0f}"
            created = here(job["created_at"], "%m-%d %H:%M %Z")
            title = title_of(job["resolved"])
            cells = (job["id"], doing(job), percent, time_left(job), created, title)
            table.add_row(*(Text(_plain(cell)) for cell in cells))
        self.out.print(table)

    def dry_run(self, answer: Json) -> None:
        """What would be made."""
        if self.as_json:
            self.json(answer)
            return
        for name, value in (*_made(answer), ("seconds", answer["seconds"])):
            self.text(f"{name:<12}{value}")

    def presets(self, found: Json) -> None:
        """The words that ``--preset`` and ``--template`` take."""
        if self.as_json:
            self.json(found)
            return
        for preset in found["presets"]:
            values = ", ".join(f"{name} {value}" for name, value in preset["values"].items())
            self.text(f"{preset['name']:<20}{preset['description']} ({values})")
        for template in found["templates"]:
            names = ", ".join(template["variables"])
            self.text(f"{template['name']:<20}{template['description']} (variables: {names})")


def show_error(error: CliError, *, as_json: bool) -> None:
    """Message, field and way out."""
    if as_json:
        print(json.dumps({"error": error.body}, ensure_ascii=False))
        return
    console = Console(stderr=True, highlight=False)
    field = f" (field: {error.body['param']})" if error.body["param"] else ""
    hint = f"\nHint: {error.body['hint']}" if error.body["hint"] else ""
    console.print(f"{error.body['message']}{field}{hint}", markup=False, soft_wrap=True)


def _facts(job: Json) -> list[tuple[str, Any]]:
    facts: list[tuple[str, Any]] = [
        ("id", job["id"]),
        ("model", job["model"]),
        ("state", doing(job)),
        ("progress", f"{job['progress']['percent']:.0f} %  {time_left(job)}".rstrip()),
        ("priority", job.get("priority", "normal")),
        ("created", here(job["created_at"], "%Y-%m-%d %H:%M:%S %Z")),
        *_made(job),
    ]
    if job["error"]:
        facts += [("error", job["error"]["message"]), ("hint", job["error"]["hint"] or "")]
    if job["result"]:
        facts.append(("file", f"{job['result']['size_bytes'] / 1e6:.1f} MB"))
    return facts


def _made(answer: Json) -> list[tuple[str, Any]]:
    made = answer["resolved"]
    changed = [
        ("adjusted", f"{one['field']}: {one['requested']} -> {one['resolved']} ({one['reason']})")
        for one in answer["adjustments"]
    ]
    enhanced = made.get("enhanced_prompt")
    before = [("cached from", answer["cached_from"])] if answer.get("cached_from") else []
    return [
        ("prompt", title_of(made)),
        *([("enhanced", enhanced)] if enhanced else []),
        *_figures(made),
        *changed,
        *before,
    ]


def title_of(made: Json) -> str:
    """Of a job, in its owner's words where it has some: a prompt, a LoRA's name, an operation."""
    return str(made.get("prompt") or made.get("name") or made.get("task", {}).get("operation", ""))


def _said(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)


def _figures(made: Json) -> list[tuple[str, Any]]:
    """A video's in two lines; of what this program does not know, whatever is said."""
    if "num_frames" not in made:
        return [(name, _said(made[name])) for name in made if name not in ("prompt", "options")]
    size = f"{made['width']}x{made['height']}, {made['num_frames']} frames at {made['fps']:g} fps"
    sampling = f"{made['num_inference_steps']} steps, guidance {made['guidance_scale']:g}"
    return [("video", f"{size}, {sampling}, seed {made['seed']}")]


def here(moment: str, form: str) -> str:
    """A service's moment on the clock of this machine, its zone said; JSON keeps UTC."""
    return datetime.fromisoformat(moment).astimezone().strftime(form)


def _plain(words: str) -> str:
    """Without what would steer a terminal: prompts are other people's words."""
    return "".join(letter if letter.isprintable() else " " for letter in words)
