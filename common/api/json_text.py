"""Reads JSON from clients: strictly, since what two readers understand differently is a trap."""

import json
from collections import Counter
from typing import Any, NoReturn

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.responses import Response

from common.api.door.json_bounds import check_json
from common.errors import InvalidRequest

_BOM = "\ufeff"
"""Editors and shells of Windows put one in front."""


def json_of(text: str | bytes, name: str | None = None) -> Any:
    """The value that ``text`` is, of a body or of a form's field ``name``.

    Raises:
        InvalidRequest: it is no JSON, no UTF-8, too deep, too long, or says a name twice.
    """
    check_json(text if isinstance(text, bytes) else text.encode(errors="replace"))
    try:
        words = text.decode("utf-8") if isinstance(text, bytes) else text
        return json.loads(
            words.removeprefix(_BOM), object_pairs_hook=_each_once, parse_constant=_no_number
        )
    except json.JSONDecodeError as exc:
        where = f"line {exc.lineno}, column {exc.colno}"
        raise _refused(name, f"is no JSON: it breaks at {where}") from exc
    except UnicodeDecodeError as exc:
        raise _refused(name, "is not UTF-8") from exc
    except ValueError as exc:
        raise _refused(name, "has a number with too many digits") from exc


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        counted = Counter(name for name, _ in pairs)
        raise given_twice(max(counted, key=counted.__getitem__))
    return members


def given_twice(name: str) -> InvalidRequest:
    """The error for a name that a body says more than once: which one was meant?"""
    shown = name[:100]
    return InvalidRequest(f"{shown}: it is given twice.", param=shown, hint="Send it once.")


def _no_number(constant: str) -> NoReturn:
    raise InvalidRequest(
        f"{constant} is no number in JSON.", hint="Leave the field out, or send a number."
    )


def _refused(name: str | None, words: str) -> InvalidRequest:
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
