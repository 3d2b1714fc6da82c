"""Fields of requests, with their limits: the words that every kind of work has in common."""

from contextlib import suppress
from typing import Annotated, Any, Literal, LiteralString

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError, from_json

from common.contract.left_out import without_nulls

FORMS: dict[str, str] = {}
"""What each pattern of a field asks for, in our words: ``words_of_errors`` tells them."""


def worded(pattern: str, words: str) -> str:
    """A field's pattern, and what a client is told who sends something else: "must be ...".

    Raises:
        ValueError: another field has this pattern, in other words.
    """
    if FORMS.setdefault(pattern, words) != words:
        raise ValueError(f"{pattern} has words already: {FORMS[pattern]}")
    return pattern


SEVERAL_FIELDS: LiteralString = "several_fields"
"""Type of a validation error that lies in no field alone."""
MAX_PROMPT_CHARS = 5000
"""Longer than any text encoder here reads (512 to 1024 tokens), short enough to store."""

MAX_OBJECT_CHARS = 1000
"""Of an object in a text; the frame of a job takes some 60."""

SAYS_SOMETHING = r"^[^\x00]*[^\x00\s][^\x00]*$"
"""For the description of the API only: our own words name what is wrong."""


def _line_ends(text: Any) -> Any:
    """Forms end a line by CR LF, whatever was typed; the same words are the same request."""
    return text.replace("\r\n", "\n").replace("\r", "\n") if isinstance(text, str) else text


Prompt = Annotated[
    str,
    Field(max_length=MAX_PROMPT_CHARS, json_schema_extra={"pattern": r"^[^\x00]*$"}),
    BeforeValidator(_line_ends),
]
SaidPrompt = Annotated[
    str,
    Field(min_length=1, max_length=MAX_PROMPT_CHARS, json_schema_extra={"pattern": SAYS_SOMETHING}),
    BeforeValidator(_line_ends),
]
"""One that says something."""
Seconds = Annotated[float, Field(gt=0, le=3600)]
FrameCount = Annotated[int, Field(gt=0, le=100_000)]
FrameRate = Annotated[float, Field(gt=0, le=240)]
SIZE = worded(r"^[1-9]\d{0,4}x[1-9]\d{0,4}$", 'must be width x height in pixels, as in "1024x576"')
Size = Annotated[str, Field(pattern=SIZE)]
"""Width x height in pixels."""
JOB_ID = worded(r"^[0-9a-f]{32}$", "must be the id of a job, 32 hexadecimal digits")
JobId = Annotated[str, Field(pattern=JOB_ID)]


def _of_job(sent: Any) -> Any:
    """``{"job": id}``, as other fields have it and as pipelines write it, is the id."""
    return sent["job"] if isinstance(sent, dict) and sent.keys() == {"job"} else sent


FinishedJob = Annotated[JobId, BeforeValidator(_of_job)]
"""A field that is the id of a finished job."""
SERVICE_PATH = worded(
    r"^(/[A-Za-z0-9_-]{1,64}){1,8}$", 'must be a path of a service, as in "/generate"'
)
ServicePath = Annotated[str, Field(pattern=SERVICE_PATH)]
"""A path of a service, without a query."""
Seed = Annotated[int, Field(ge=0, le=2**53 - 1)]
"""Up to where JSON numbers are exact in every client, a browser too."""
Steps = Annotated[int, Field(ge=1)]
GuidanceScale = Annotated[float, Field(ge=0)]
Priority = Literal["low", "normal", "high"]
PRIORITIES: dict[Priority, int] = {"low": -1, "normal": 0, "high": 1}
"""What the job store calls them."""
Name = Annotated[str, Field(min_length=1, max_length=64)]
NO_NUL = worded(r"^[^\x00]*$", "must not contain NUL characters")
Colour = Annotated[
    str,
    Field(
        pattern=worded(
            r"^#[0-9a-fA-F]{6}$", 'must be a colour of six hexadecimal digits, as in "#ffcc00"'
        )
    ),
]
VARIABLE_NAME = worded(
    r"^[a-z][a-z0-9_]{0,31}$",
    "must be small letters, digits and _, at most 32, the first a letter",
)
VariableName = Annotated[str, Field(pattern=VARIABLE_NAME)]
MAX_VARIABLES = 32
MAX_VARIABLE_CHARS = 1000
Variables = Annotated[
    dict[
        VariableName,
        Annotated[str, Field(max_length=MAX_VARIABLE_CHARS), BeforeValidator(_line_ends)],
    ],
    Field(max_length=MAX_VARIABLES, json_schema_extra={"additionalProperties": False}),
    BeforeValidator(without_nulls),
]

Options = Annotated[dict[str, Any], BeforeValidator(without_nulls)]


def object_of(sent: Any) -> Any:
    """A form sends all as text, and neither base64 nor an address begins with a brace."""
    if isinstance(sent, str) and len(sent) <= MAX_OBJECT_CHARS and sent.lstrip().startswith("{"):
        with suppress(ValueError):
            return from_json(sent)
    return sent


def contradiction(words: LiteralString) -> PydanticCustomError:
    """Each field is fine by itself."""
    return PydanticCustomError(SEVERAL_FIELDS, words)
