"""``videosdgx train``: a LoRA from an archive of clips with captions."""

from pathlib import Path
from typing import Annotated

import typer

from scripts.cli import options as opt
from scripts.cli.client import Client, address_of
from scripts.cli.ending import Wanted, reach
from scripts.cli.errors import WRONG, CliError
from scripts.cli.saving import STDOUT, check_place
from scripts.cli.show import Output

SERVICE = "trainer"
Clips = Annotated[
    Path, typer.Argument(help="ZIP of videos or pictures of one size, each with its caption.")
]
LoraName = Annotated[str, typer.Option("--name", help="By it, the LoRA is asked for later.")]
Rank = Annotated[int | None, typer.Option(help="How much it can hold.")]
TrainingSteps = Annotated[int | None, typer.Option("--steps", help="One clip each.")]
Rate = Annotated[float | None, typer.Option("--learning-rate", help="AdamW's.")]
Priors = Annotated[
    list[str] | None,
    typer.Option("--prior-prompt", help="Its videos stay as they are; again and again."),
]
Shown = Annotated[str | None, typer.Option("--validation-prompt", help="Of the video at the end.")]


def train(
    clips: Clips,
    name: LoraName,
    rank: Rank = None,
    steps: TrainingSteps = None,
    learning_rate: Rate = None,
    prior_prompts: Priors = None,
    validation_prompt: Shown = None,
    seed: opt.Seed = None,
    priority: opt.Priority = None,
    webhook_url: opt.Webhook = None,
    field: opt.Fields = None,
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
    """Train a LoRA. --output waits for it; `loras add` puts it into a volume of models."""
    body = {
        "name": name,
        "rank": rank,
        "steps": steps,
        "learning_rate": learning_rate,
        "prior_prompts": prior_prompts or None,
        "validation_prompt": validation_prompt,
        "seed": seed,
        "priority": priority,
        "webhook_url": webhook_url,
        "dry_run": dry_run or None,
        **opt.values("--field", field),
    }
    check_place(output, force=force, as_json=as_json)
    client = Client(address_of(service), api_key)
    shown = Output(as_json=as_json, aside=output == STDOUT)
    files = {"clips": (clips.name, _read(clips))}
    answer = client.generate(body, files, idempotency_key, path="/train")
    reach(client, answer, shown, Wanted(dry_run, wait, output, force, cancel_on_interrupt))


def _read(clips: Path) -> bytes:
    try:
        return clips.read_bytes()
    except OSError as exc:
        raise CliError(f"{clips}: {exc.strerror}.", status=WRONG, param="CLIPS") from exc
