"""Server-sent events: what the routes that answer with a stream have in common."""

from typing import Annotated, Any

from fastapi import Header
from fastapi.sse import ServerSentEvent

from common.api.live.following import Event
from common.api.routes.views import ERROR_CONTENT

LastEventId = Annotated[
    str | None, Header(description="Only later events; browsers send it by themselves.")
]


def stream_of(what: str) -> dict[int | str, dict[str, Any]]:
    """The answers that are no stream, for the description of the API."""
    return {
        204: {"description": "It has ended, and `Last-Event-ID` says that this is known."},
        404: {"content": ERROR_CONTENT, "description": f"No such {what}."},
    }


def sent(event: Event, data: str) -> ServerSentEvent:
    """An event as it goes out."""
    return ServerSentEvent(raw_data=data, event=event.kind, id=event.id)
