"""What comes after a job was asked for: it is said, or followed to its end and fetched."""

from dataclasses import dataclass

from scripts.cli.client import Client, Json
from scripts.cli.errors import FAILED, CliError, hinting
from scripts.cli.saving import save
from scripts.cli.show import Output
from scripts.cli.watching import wait as wait_for


@dataclass(frozen=True)
class Wanted:
    """Of a job that was asked for, by the options of these names."""

    dry_run: bool
    wait: bool
    output: str | None
    force: bool
    cancel_on_interrupt: bool


def reach(client: Client, answer: Json, shown: Output, wanted: Wanted) -> None:
    """To the job's end and its file, where that is wanted. Raises CliError: as ``finish``."""
    if wanted.dry_run:
        shown.dry_run(answer)
    elif wanted.wait or wanted.output is not None:
        shown.aside(f"Job {answer['id']}")
        leave = wanted.cancel_on_interrupt
        job = wait_for(client, answer["id"], shown.err, cancel_on_interrupt=leave)
        finish(client, job, wanted.output, shown, force=wanted.force)
    else:
        shown.job(answer)


def finish(
    client: Client, job: Json, output: str | None, shown: Output, *, force: bool = False
) -> None:
    """Say how a job ended, and fetch its video where that is wanted.

    Raises:
        CliError: it failed or was cancelled.
    """
    check_completed(job, f"Job {job['id']}")
    if output is not None:
        fetch(client, job["id"], output, shown, force=force)
    shown.job(job)


def check_completed(ended: Json, what: str) -> None:
    """Raises CliError: it failed or was cancelled."""
    if ended["state"] == "completed":
        return
    error = ended["error"] or {"message": f"{what} was {ended['state']}."}
    raise CliError(
        error["message"],
        status=FAILED,
        code=error.get("code", ended["state"]),
        param=error.get("param"),
        hint=error.get("hint"),
    )


def fetch(client: Client, job_id: str, output: str, shown: Output, *, force: bool) -> None:
    """A job's file to where it is wanted, and say where it is. Raises CliError: as ``save``."""
    with hinting(f"Go on by `videosdgx download {job_id} --service {client.url}`."):
        path = save(client, job_id, output, force=force)
    if path is not None:
        shown.aside(f"Written: {path}")
