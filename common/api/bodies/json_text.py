"""Reads JSON from clients: strictly, since what two readers understand differently is a trap."""

import json
import re
from codecs import BOM_UTF8
from collections import Counter
from contextlib import suppress
from typing import Any

from fastapi import Request
from fastapi.routing import APIRoute
from pydantic_core import from_json
from starlette.responses import Response

from common.api.bodies.json_bounds import check_json
from common.base.errors import InvalidRequest

_PLACE = re.compile(r"line (\d+) column (\d+)")


def json_of(text: str | bytes, name: str | None = None) -> Any:
    """The value that ``text`` is, of a body or of a form's field ``name``.

    A byte order mark, which editors and shells of Windows put in front, is no part of it.

    Raises:
        InvalidRequest: it is no JSON in UTF-8, too deep, too long, or says a name twice.
    """
    data = (text.encode() if isinstance(text, str) else text).removeprefix(BOM_UTF8)
    check_json(data)
    # Only this reader sees a name twice; all else is judged by the other one, which is stricter.
    with suppress(ValueError, RecursionError):
        json.loads(data.decode(), object_pairs_hook=_each_once)
    try:
        return from_json(data, allow_inf_nan=False)
    except ValueError as exc:
        raise _refused(name, str(exc)) from exc


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        counted = Counter(name for name, _ in pairs)
        raise given_twice(max(counted, key=counted.__getitem__))
    return members


def given_twice(name: str) -> InvalidRequest:
    """The error for a name that a body says more than once: which one was meant?"""
    shown = name[:100].encode(errors="replace").decode()
    return InvalidRequest(f"{shown}: it is given twice.", param=shown, hint="Send it once.")


def _refused(name: str | None, reason: str) -> InvalidRequest:
    place = _PLACE.search(reason)
    where = f" at line {place[1]}, column {place[2]}" if place else ""
    words = "is nested too deeply" if "recursion" in reason else f"is no JSON: it breaks{where}"
    subject = f"{name}:" if name else "The body"
    return InvalidRequest(f"{subject} {words}.", param=name, hint="Send a JSON object, in UTF-8.")


class _StrictRequest(Request):
    async def json(self) -> Any:
        return json_of(await self.body())


class StrictRoute(APIRoute):
    """A route whose body FastAPI reads by ``json_of``."""

    def get_route_handler(self) -> Any:
        """As FastAPI's manual has it for a request of one's own."""
        handle = super().get_route_handler()

        async def strict(request: Request) -> Response:
            return await handle(_StrictRequest(request.scope, request.receive))

        return strict
