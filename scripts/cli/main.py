"""``videosdgx``: the services from a terminal.

Exit status: 0 done, 1 the job failed or was cancelled (``health``: something is wrong), 2 the
command is wrong, 3 no service answers, 4 the service refused, 130 interrupted by Ctrl+C.
"""

import sys

import typer

from scripts import health_check
from scripts.cli import options as opt
from scripts.cli.client import Client, address_of
from scripts.cli.ending import finish
from scripts.cli.errors import INTERRUPTED, UNREACHABLE, CliError, refusals
from scripts.cli.generate import generate
from scripts.cli.loras import app as loras
from scripts.cli.pipeline import pipeline
from scripts.cli.queue import move, pause, queue, resume
from scripts.cli.saving import STDOUT, check_place, save
from scripts.cli.show import Output, show_error
from scripts.cli.studio import studio
from scripts.cli.train import train
from scripts.cli.watching import wait
from scripts.health_ask import check_all, urls_on

app = typer.Typer(
    name="videosdgx",
    help="Videos from the services of VideosDGX.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(generate)
app.command()(train)
app.command()(studio)
app.command()(pipeline)
app.command()(queue)
app.command()(move)
app.command()(pause)
app.command()(resume)
app.add_typer(loras, name="loras")


def main() -> None:
    """Run one command; errors become a message and a status."""
    try:
        app()
    except CliError as exc:
        show_error(exc, as_json="--json" in sys.argv)
        sys.exit(exc.status)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


@app.command("list")
def list_jobs(
    state: opt.States = None,
    limit: opt.Limit = 20,
    service: opt.Service = None,
    api_key: opt.Key = None,
    as_json: opt.AsJson = False,
) -> None:
    """List jobs, newest first."""
    found = Client(address_of(service), api_key).get("/jobs", state=state or [], limit=limit)
    Output(as_json=as_json).jobs(found["jobs"])


@app.command()
def show(
    job_id: opt.JobId,
    service: opt.Service = None,
    api_key: opt.Key = None,
    as_json: opt.AsJson = False,
) -> None:
    """Show all there is to know about a job."""
    Output(as_json=as_json).job(Client(address_of(service), api_key).job(job_id))


@app.command()
def watch(
    job_id: opt.JobId,
    output: opt.Output = None,
    force: opt.Force = False,
    cancel_on_interrupt: opt.CancelOnInterrupt = False,
    service: opt.Service = None,
    api_key: opt.Key = None,
    as_json: opt.AsJson = False,
) -> None:
    """Follow a job until it has ended; --output fetches its video then."""
    check_place(output, force=force, as_json=as_json)
    client = Client(address_of(service), api_key)
    shown = Output(as_json=as_json, aside=output == STDOUT)
    client.job(job_id)  # there is one, and somebody answers: only what is lost later is waited for
    job = wait(client, job_id, shown.err, cancel_on_interrupt=cancel_on_interrupt)
    finish(client, job, output, shown, force=force)


@app.command()
def cancel(
    job_ids: opt.JobIds,
    service: opt.Service = None,
    api_key: opt.Key = None,
    as_json: opt.AsJson = False,
) -> None:
    """Cancel jobs: at once while queued, else as soon as the GPU is free."""
    client, shown = Client(address_of(service), api_key), Output(as_json=as_json)
    shown.each([client.cancel(job_id) for job_id in job_ids], lambda job: job["state"])


@app.command()
def keep(
    job_ids: opt.JobIds,
    undo: opt.Undo = False,
    service: opt.Service = None,
    api_key: opt.Key = None,
    as_json: opt.AsJson = False,
) -> None:
    """Keep files of finished jobs, however old they grow; --undo takes that back."""
    client, shown = Client(address_of(service), api_key), Output(as_json=as_json)
    jobs = [client.keep(job_id, kept=not undo) for job_id in job_ids]
    shown.each(jobs, lambda job: "kept" if job["kept"] else "not kept")


@app.command()
def download(
    job_id: opt.JobId,
    output: opt.Output = None,
    force: opt.Force = False,
    service: opt.Service = None,
    api_key: opt.Key = None,
    as_json: opt.AsJson = False,
) -> None:
    """Fetch a finished video."""
    check_place(output, force=force, as_json=as_json)
    shown = Output(as_json=as_json)
    path = save(Client(address_of(service), api_key), job_id, output, force=force)
    if as_json:
        shown.json({"id": job_id, "file": str(path)})
    elif path is not None:
        shown.text(str(path))


@app.command()
def delete(
    job_ids: opt.JobIds,
    service: opt.Service = None,
    api_key: opt.Key = None,
    as_json: opt.AsJson = False,
) -> None:
    """Forget ended jobs, and remove their files."""
    client, shown = Client(address_of(service), api_key), Output(as_json=as_json)
    for job_id in job_ids:
        client.delete(job_id)
    if as_json:
        shown.json({"deleted": job_ids})


@app.command("recover")
def recover_videos(
    models: opt.Models = None, adopt: opt.Adopt = False, as_json: opt.AsJson = False
) -> None:
    """Take finished videos back into the job table, on this machine, without a service running.

    A start does it too. After a lost database, or one of another folder: --adopt.
    """
    from scripts.recover import recover_all, what_was_done  # the other commands need no database

    shown = Output(as_json=as_json)
    with refusals():
        found = recover_all(models or [], adopt=adopt)
    if as_json:
        shown.json({model: vars(swept) for model, swept in found.items()})
    for model, swept in () if as_json else found.items():
        shown.text(what_was_done(model, swept))


@app.command("restore")
def restore_backup(
    model: opt.Model,
    backup: opt.Backup = None,
    empty: opt.Empty = False,
    as_json: opt.AsJson = False,
) -> None:
    """Put a backup of the job database back, on this machine, without a service running.

    Finished videos that it does not know come back at the next start, or by `videosdgx recover`.
    """
    from scripts.restore import restore_database, what_was_done  # as above

    shown = Output(as_json=as_json)
    with refusals():
        put, aside = restore_database(model, backup, empty=empty)
    if as_json:
        shown.json({"model": model, "backup": put and str(put), "before": str(aside)})
    else:
        shown.text(what_was_done(model, put, aside))


@app.command()
def presets(
    service: opt.Service = None, api_key: opt.Key = None, as_json: opt.AsJson = False
) -> None:
    """List what --preset and --template may be."""
    found = Client(address_of(service), api_key).get("/presets")
    Output(as_json=as_json).presets(found)


@app.command()
def health(
    service: opt.Service = None, api_key: opt.Key = None, as_json: opt.AsJson = False
) -> None:
    """Show all services, their queues and the memory pool; with --service, that one."""
    urls = urls_on("127.0.0.1")
    if service is not None:
        url = address_of(service)
        urls = {Client(url, api_key).get("/")["model"]: url}
    found = check_all(urls, api_key)
    text = health_check.as_json(found) if as_json else health_check.as_table(found)
    print(text)
    status = health_check.status_of(found)
    raise typer.Exit(UNREACHABLE if status == 2 else status)
