"""Following a job until it has ended, with a bar for people."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

import httpx
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from scripts.cli.client import Client, Json
from scripts.cli.errors import INTERRUPTED, CliError, hinting
from scripts.cli.patience import Patience

ENDED = ("completed", "failed", "cancelled")
_PATIENCE = Patience()

Tell = Callable[[Json], None]


def follow(client: Client, job_id: str, tell: Tell, patience: Patience = _PATIENCE) -> Json:
    """Tell every change of a job; answer it as it ended. A broken stream is taken up again.

    Raises:
        CliError: there is no such job, or nobody answers any more; it says how to go on.
    """
    after: str | None = None
    with hinting(f"Go on by `{_again(client, job_id)}`."):
        job = patience.ask(lambda: client.job(job_id))
        while job["state"] not in ENDED:
            after = _told(client, job_id, tell, after)
            job = patience.ask(lambda: client.job(job_id))
            if job["state"] not in ENDED:  # a service that restarts ends a stream, too
                patience.sleep(patience.pause)
    return job


def _told(client: Client, job_id: str, tell: Tell, after: str | None) -> str | None:
    """Tell what a stream has until it is over, or broken; answers where to go on from."""
    try:
        with suppress(httpx.TransportError):
            for event in client.events(job_id, after):
                after = event.id or after
                if event.kind in ("state", "progress"):
                    tell(event.data)
    except CliError as exc:
        if not exc.passing:
            raise
    return after


def _again(client: Client, job_id: str) -> str:
    return f"videosdgx watch {job_id} --service {client.url}"


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
            with hinting(f"Go on by `{_again(client, job_id)}`."):
                client.cancel(job_id)
            message, hint = f"Cancelled job {job_id}.", None
        else:
            message = f"Job {job_id} goes on."
            hint = _again(client, job_id)
        raise CliError(message, status=INTERRUPTED, code="interrupted", hint=hint) from None
