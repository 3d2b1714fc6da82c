"""``videosdgx queue``, ``move``, ``pause`` and ``resume``: what waits, and in which order."""

from collections.abc import Iterator

from scripts.cli import options as opt
from scripts.cli.client import Client, Json, address_of
from scripts.cli.errors import WRONG, CliError
from scripts.cli.show import Output

PAGE = 100
"""As many as the service lists at once."""


def queue(
    limit: opt.Count = 20,
    service: opt.Service = None,
    api_key: opt.Key = None,
    as_json: opt.AsJson = False,
) -> None:
    """List queued jobs in the order in which they will be made."""
    Output(as_json=as_json).jobs([*_first(Client(address_of(service), api_key), limit)])


def _first(client: Client, limit: int) -> Iterator[Json]:
    """Jobs of the queue, over as many pages as it takes."""
    cursor: Json = {}
    while limit > 0:
        page = client.get("/queue", limit=min(PAGE, limit), **cursor)
        yield from page["jobs"]
        if page["next_cursor"] is None:
            return
        limit -= len(page["jobs"])
        cursor = {"cursor": page["next_cursor"]}


def move(
    job_id: opt.JobId,
    before: opt.Before = None,
    after: opt.After = None,
    front: opt.Front = False,
    end: opt.End = False,
    service: opt.Service = None,
    api_key: opt.Key = None,
    as_json: opt.AsJson = False,
) -> None:
    """Move a queued job to another place; the others keep their order. Needs the scope admin."""
    said = {"before": before, "after": after, "front": front, "end": end}
    given = {name: value for name, value in said.items() if value}
    if len(given) != 1:
        raise CliError(
            "It is not said where to.",
            status=WRONG,
            param="--before",
            hint="Give exactly one of --before ID, --after ID, --front and --end.",
        )
    ((name, value),) = given.items()
    body = {"to": name} if value is True else {name: value}
    job = Client(address_of(service), api_key).post("/queue/move", {"job": job_id, **body})
    Output(as_json=as_json).each([job], lambda job: f"{job['queue_position']} ahead of it")


def pause(
    service: opt.Service = None, api_key: opt.Key = None, as_json: opt.AsJson = False
) -> None:
    """Let no job begin; what runs goes on, and jobs are accepted. Needs the scope admin."""
    _switch(Client(address_of(service), api_key), "pause", as_json=as_json)


def resume(
    service: opt.Service = None, api_key: opt.Key = None, as_json: opt.AsJson = False
) -> None:
    """Let jobs begin again. Needs the scope admin."""
    _switch(Client(address_of(service), api_key), "resume", as_json=as_json)


def _switch(client: Client, what: str, *, as_json: bool) -> None:
    now, shown = client.post(f"/queue/{what}"), Output(as_json=as_json)
    if as_json:
        shown.json(now)
    else:
        shown.text(f"{what}d, {now['queued']} queued, {now['running']} running")
