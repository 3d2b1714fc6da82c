"""``videosdgx studio``: any operation of the cutting room, its fields under the API's names."""

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from scripts.cli import options as opt
from scripts.cli.client import Client, Json, Uploads, address_of
from scripts.cli.ending import Wanted, reach
from scripts.cli.errors import WRONG, CliError
from scripts.cli.saving import STDOUT, check_place
from scripts.cli.show import Output
from scripts.cli.sources import JOB
from scripts.cli.written import read_fields

SERVICE = "studio"
Operation = Annotated[
    str,
    typer.Argument(
        metavar="OPERATION", help="transcribe, caption, img2vid, addaudio, edit or upload."
    ),
]
Given = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="NAME=VALUE...",
        help="Its fields: video=@talk.mp4 sends a file, video=ID is what a finished job has made, "
        "style.place=top is a part of one.",
    ),
]
Written = Annotated[
    Path | None, typer.Option("--from", metavar="FILE", help="More fields, as YAML or JSON.")
]
FileName = Annotated[str | None, typer.Option("--output-filename", help="What it is called there.")]
Folder = Annotated[str | None, typer.Option("--path", help="Its folder, in the service's bucket.")]


def studio(
    operation: Operation,
    given: Given = None,
    written: Written = None,
    output_filename: FileName = None,
    path: Folder = None,
    priority: opt.Priority = None,
    webhook_url: opt.Webhook = None,
    idempotency_key: opt.IdempotencyKey = None,
    dry_run: opt.DryRun = False,
    wait: opt.Wait = False,
    output: opt.Output = None,
    force: opt.Force = False,
    cancel_on_interrupt: opt.CancelOnInterrupt = False,
    service: opt.Service = SERVICE,
    api_key: opt.Key = None,
    as_json: opt.AsJson = False,
) -> None:
    """Have the cutting room do something: transcripts, captions, films, sound, cuts."""
    check_place(output, force=force, as_json=as_json)
    client = Client(address_of(service), api_key)
    shown = Output(as_json=as_json, aside=output == STDOUT)
    fields, paths = task_of(operation, given)
    body = {
        "task": {**read_fields(written, "--from"), **fields, "operation": operation},
        "output_filename": output_filename,
        "path": path,
        "priority": priority,
        "webhook_url": webhook_url,
        "dry_run": dry_run or None,
    }
    with ExitStack() as opened:
        files: Uploads = {
            name: (file.name, opened.enter_context(_opened(name, file)))
            for name, file in paths.items()
        }
        sent = {name: value for name, value in body.items() if value is not None}
        answer = client.generate(sent, files, idempotency_key)
    reach(client, answer, shown, Wanted(dry_run, wait, output, force, cancel_on_interrupt))


def task_of(operation: str, given: list[str] | None) -> tuple[Json, dict[str, Path]]:
    """The fields of an operation, and the files to send. Raises CliError: there is no ``=``."""
    fields: Json = {}
    files: dict[str, Path] = {}
    option = f"studio {operation}"
    said = opt.pairs(option, given)
    for name, value in opt.values(option, given).items():
        if said[name].startswith("@"):
            files[name] = Path(said[name][1:])
        else:
            _put(fields, name, {"job": said[name]} if JOB.fullmatch(said[name]) else value)
    return fields, files


def _put(fields: Json, name: str, value: object) -> None:
    *outer, last = name.split(".")
    for part in outer:
        fields = fields.setdefault(part, {})
        if not isinstance(fields, dict):
            raise CliError(f"{part} has a value, and no parts.", status=WRONG, param=name)
    fields[last] = value


def _opened(name: str, file: Path) -> BinaryIO:
    try:
        return file.open("rb")
    except OSError as exc:
        raise CliError(f"{file} cannot be read: {exc.strerror}.", status=WRONG, param=name) from exc
