"""How the body of a step names an earlier one.

One rule: an object with a text member ``step`` names a step, wherever in the body it stands. In its
place ``job`` is sent, with the id of that step's job; what else the object has stays:
``{"step": "clip", "from": 1, "to": 2}`` becomes ``{"job": "4f1c...", "from": 1, "to": 2}``.
"""

from collections.abc import Iterator, Mapping
from typing import Any

STEP, JOB = "step", "job"


def names_in(body: Any, place: str = "body") -> Iterator[tuple[str, str]]:
    """The steps that a body names, and where: ``("body.video", "clip")``, in its order."""
    match body:
        case {"step": str(name)}:
            yield place, name
    members: Iterator[tuple[Any, Any]] = iter(())
    if isinstance(body, dict):
        members = iter(body.items())
    elif isinstance(body, list):
        members = iter(enumerate(body))
    for member, value in members:
        yield from names_in(value, f"{place}.{member}")


def filled(body: Any, jobs: Mapping[str, str]) -> Any:
    """The body as it is sent; ``jobs`` has the id of each step that it names."""
    match body:
        case {"step": str(name)}:
            others = {key: filled(value, jobs) for key, value in body.items() if key != STEP}
            return {JOB: jobs[name], **others}
        case dict():
            return {key: filled(value, jobs) for key, value in body.items()}
        case list():
            return [filled(value, jobs) for value in body]
    return body
