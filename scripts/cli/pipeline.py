"""``videosdgx pipeline``: steps of several services, from a file, followed as one."""

import time
from pathlib import Path
from typing import Annotated

import typer

from scripts.cli import options as opt
from scripts.cli.client import Client, Json, address_beside, address_of
from scripts.cli.ending import check_completed, fetch
from scripts.cli.errors import INTERRUPTED, WRONG, CliError, hinting
from scripts.cli.patience import Patience
from scripts.cli.saving import STDOUT, check_place
from scripts.cli.show import Output
from scripts.cli.watching import ENDED
from scripts.cli.watching import shown as bar
from scripts.cli.written import read_fields

LOOK_SECONDS = 0.5
_PATIENCE = Patience(pause=LOOK_SECONDS)
Steps = Annotated[
    Path, typer.Argument(metavar="FILE", help="The body of POST /pipelines: YAML or JSON.")
]


def pipeline(
    file: Steps,
    idempotency_key: opt.IdempotencyKey = None,
    wait: opt.Wait = False,
    output: opt.Output = None,
    force: opt.Force = False,
    cancel_on_interrupt: opt.CancelOnInterrupt = False,
    service: opt.Service = None,
    api_key: opt.Key = None,
    as_json: opt.AsJson = False,
) -> None:
    """Make something in several steps; --output fetches what the last one made."""
    check_place(output, force=force, as_json=as_json)
    address = address_of(service)
    client = Client(address, api_key)
    shown = Output(as_json=as_json, aside=output == STDOUT)
    found = client.generate(
        read_fields(file, "FILE", "steps"), {}, idempotency_key, path="/pipelines"
    )
    if wait or output is not None:
        found = _ended(client, found, shown, cancel_on_interrupt=cancel_on_interrupt)
        check_completed(found, f"Pipeline {found['id']}")
    if output is not None:
        maker = _maker(address, found, api_key)
        fetch(maker, found["result"]["job_id"], output, shown, force=force)
    _show(found, shown)


def _ended(client: Client, found: Json, shown: Output, *, cancel_on_interrupt: bool) -> Json:
    """Followed to its end. Ctrl+C leaves it running, unless it is to be cancelled then."""
    path = found["links"]["self"]
    hint = f"GET {client.url}{path} says how it is."
    shown.aside(f"Pipeline {found['id']}")
    try:
        with hinting(hint), bar(shown.err) as tell:
            while found["state"] not in ENDED:
                tell(_as_job(found))
                time.sleep(LOOK_SECONDS)
                found = _PATIENCE.ask(lambda: client.get(path))
    except KeyboardInterrupt:
        if cancel_on_interrupt:
            client.post(f"{path}/cancel")
        message = f"Pipeline {found['id']} {'was cancelled' if cancel_on_interrupt else 'goes on'}."
        raise CliError(message, status=INTERRUPTED, code="interrupted", hint=hint) from None
    return found


def _as_job(found: Json) -> Json:
    """As the bar has it: the phase is the step, and what is waited for is said."""
    waits = found["waiting_for"]
    progress = {
        "percent": found["percent"],
        "phase": found["step"],
        "waiting_for": waits,
        "seconds_left": found["seconds_left"],
    }
    return {"state": "waiting" if waits else found["state"], "progress": progress}


def _maker(address: str, found: Json, api_key: str | None) -> Client:
    """The service of the last step, on the machine of the one that was asked."""
    made, asked = found["result"], found["model"]
    there = address if made["service"] == asked else address_beside(address, asked, made["service"])
    if there is None:
        raise CliError(
            f"Where {made['service']} is, is not known here.",
            status=WRONG,
            param="--output",
            hint=f"Go on by `videosdgx download {made['job_id']} --service URL`, with its URL.",
        )
    return Client(there, api_key)


def _show(found: Json, shown: Output) -> None:
    if shown.as_json:
        shown.json(found)
        return
    shown.text(f"{'id':<12}{found['id']}")
    shown.text(f"{'state':<12}{found['state']}")
    for step in found["steps"]:
        words = f"{step['service']}, {step['state']}, job {step['job_id'] or '-'}"
        shown.text(f"{step['name']:<12}{words}")
