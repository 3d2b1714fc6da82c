"""``videosdgx loras``: what a request's ``--lora`` may name."""

from pathlib import Path
from typing import Annotated

import typer

from scripts.cli import options as opt
from scripts.cli.client import Client, address_of
from scripts.cli.errors import WRONG, CliError
from scripts.cli.show import Output

app = typer.Typer(no_args_is_help=True, help="List the LoRAs of a service, store one, remove one.")
File = Annotated[Path, typer.Argument(help="A LoRA in safetensors.")]
StoredAs = Annotated[str | None, typer.Option("--name", help="Left out: the file's own.")]
Name = Annotated[str, typer.Argument(help="As `loras list` has it.")]


@app.command("list")
def list_loras(
    service: opt.Service = None, api_key: opt.Key = None, as_json: opt.AsJson = False
) -> None:
    """List them: name, rank, size, the checkpoint that each is for, its trigger words."""
    found = Client(address_of(service), api_key).get("/loras")["loras"]
    shown = Output(as_json=as_json)
    if as_json:
        shown.json(found)
    for lora in () if as_json else found:
        size, words = f"{lora['size_bytes'] / 1e6:.1f} MB", " ".join(lora["trigger_words"])
        rank, base = lora["rank"] or "?", lora["base"] or ""
        shown.text(f"{lora['name']:<24} rank {rank:<4} {size:<10} {base}  {words}".rstrip())


@app.command()
def add(
    file: File,
    name: StoredAs = None,
    service: opt.Service = None,
    api_key: opt.Key = None,
    as_json: opt.AsJson = False,
) -> None:
    """Store one for all services of the same models volume; needs the scope admin."""
    try:
        with file.open("rb") as data:
            stored = Client(address_of(service), api_key).put(f"/loras/{name or file.stem}", data)
    except OSError as exc:
        raise CliError(f"{file}: {exc.strerror}.", status=WRONG, param="FILE") from exc
    shown = Output(as_json=as_json)
    if as_json:
        shown.json(stored)
    else:
        shown.text(f"{stored['name']} is stored: --lora {stored['name']}")


@app.command()
def remove(name: Name, service: opt.Service = None, api_key: opt.Key = None) -> None:
    """Remove one; needs the scope admin. Jobs that are waiting for it fail."""
    Client(address_of(service), api_key).remove(f"/loras/{name}")
