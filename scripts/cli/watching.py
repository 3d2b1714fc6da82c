"""Following a job until it has ended, with a bar for people."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import httpx
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from scripts.cli.client import Client, Json
from scripts.cli.errors import INTERRUPTED, CliError, unreachable

ENDED = ("completed", "failed", "cancelled")
RECONNECT_SECONDS = 1.0
PATIENCE_SECONDS = 60.0
"""A service that restarts is back within this."""

Tell = Callable[[Json], None]


def follow(client: Client, job_id: str, tell: Tell) -> Json:
    """Tell every change of a job; answer it as it ended. A broken stream is taken up again.

    Raises:
        CliError: there is no such job, or nobody answers any more.
    """
    after: str | None = None
    job = client.job(job_id)
    give_up = time.monotonic() + PATIENCE_SECONDS
    while job["state"] not in ENDED:
        try:
            for event in client.events(job_id, after):
                after = event.id or after
                give_up = time.monotonic() + PATIENCE_SECONDS
                if event.kind in ("state", "progress"):
                    tell(event.data)
            job = client.job(job_id)  # the stream is over; a service that restarts ends it, too
            if job["state"] in ENDED:
                break
        except httpx.TransportError as exc:
            if time.monotonic() > give_up:
                raise unreachable(client.url, exc) from exc
        except CliError as exc:
            if exc.body["code"] != "unreachable" or time.monotonic() > give_up:
                raise
        time.sleep(RECONNECT_SECONDS)
    return job


@contextmanager
def shown(console: Console) -> Iterator[Tell]:
    """A bar on a terminal; elsewhere a line for each new state."""
    if not console.is_terminal:
        yield _Lines(console)
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.fields[left]}"),
    )
    with Progress(*columns, console=console) as progress:
        yield _Bar(progress, progress.add_task("queued", total=100, left=""))


class _Lines:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._last = ""

    def __call__(self, job: Json) -> None:
        words = doing(job)
        if words != self._last:
            self._last = words
            self._console.print(words, highlight=False, markup=False, soft_wrap=True)


class _Bar:
    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task

    def __call__(self, job: Json) -> None:
        percent = 100 if job["state"] == "completed" else job["progress"]["percent"]
        self._progress.update(
            self._task, completed=percent, description=doing(job), left=time_left(job)
        )


def doing(job: Json) -> str:
    """What happens to a job, in a few words."""
    progress, ahead = job["progress"], job.get("queue_position")
    if job["state"] == "queued" and ahead:
        return f"queued, {ahead} ahead"
    if job["state"] == "waiting" and progress.get("waiting_for"):
        return f"waiting: {progress['waiting_for']}"
    if job["state"] == "running" and progress.get("phase"):
        return str(progress["phase"]).replace("_", " ")
    return str(job["state"])


def time_left(job: Json) -> str:
    """The service's estimate, where it has one."""
    seconds: Any = job["progress"].get("seconds_left")
    eta = job.get("eta")
    if isinstance(eta, dict):  # the better one: it counts the queue and the loading, too
        seconds = next((eta[name] for name in ("seconds_left", "seconds") if name in eta), seconds)
    if not isinstance(seconds, int | float) or job["state"] in ENDED:
        return ""
    return f"about {timedelta(seconds=round(seconds))} left"


def wait(client: Client, job_id: str, console: Console, *, cancel_on_interrupt: bool) -> Json:
    """Follow a job with a bar. Ctrl+C leaves it running, unless it is to be cancelled then.

    Raises:
        CliError: as ``follow``; after Ctrl+C it says how to go on.
    """
    try:
        with shown(console) as tell:
            return follow(client, job_id, tell)
    except KeyboardInterrupt:
        if cancel_on_interrupt:
            client.cancel(job_id)
            message, hint = f"Cancelled job {job_id}.", None
        else:
            message = f"Job {job_id} goes on."
            hint = f"videosdgx watch {job_id} --service {client.url}"
        raise CliError(message, status=INTERRUPTED, code="interrupted", hint=hint) from None
