"""Whatever a validator of ours refuses is said in our words: field, limit and way out."""

import math
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from common.api.auth.routes import LoginBody
from common.api.batches.body import BatchRequest
from common.api.bodies.validated import as_invalid_request
from common.api.pipelines.body import PipelineRequest
from common.api.routes.memory import UnloadBody
from common.api.routes.ordering import MoveBody
from common.base.errors import InvalidRequest
from common.contract import ModelOptions
from common.contract.words_of_errors import words_of
from common.kinds.video.openai.references import ImageReference
from common.kinds.video.openai.requests import CreateVideo, RemixVideo
from common.kinds.video.requests import GenerateRequest
from ltx2.options import Ltx2Options
from magi1.options import Magi1Options
from studio.operations import OPERATIONS
from studio.requests import StudioRequest
from tests.resolving import resolve
from tests.toy.model_config import SPEC, ToyOptions
from trainer.requests import TrainRequest
from wan21.options import Wan21Options
from waver.options import WaverOptions

OPTIONS: list[type[ModelOptions]] = [
    *(ToyOptions, Ltx2Options, Magi1Options, Wan21Options, WaverOptions)
]
BODIES: list[type[BaseModel]] = [
    *(GenerateRequest, CreateVideo, RemixVideo, ImageReference, BatchRequest),
    *(LoginBody, UnloadBody, *OPTIONS, PipelineRequest, MoveBody, TrainRequest, StudioRequest),
    *(each.task for each in OPERATIONS),
]
WRONG: list[Any] = [
    *(None, "", " ", "x", "x" * 6000, "http://", "ftp://a", "http://a/" + "x" * 3000, "\ud800"),
    *("a\x00b", "0x0", "9" * 5000, "NaN"),
    *(-1, 0, 1.5, 10**30, math.nan, math.inf, True, [], [1], {}, {"A": "x"}, {"a": 1}),
    *({"a": "x" * 2000}, {f"a{number}": "x" for number in range(40)}, b"\xff", (1,)),
]
THEIRS = ("Input should", "should be", "should have", "should match", "unable to", "Field required",
          "not permitted", "valid string", "valid dictionary", "Value error")  # fmt: skip
OURS = ("value_error", "several_fields")


def refused(body: type[BaseModel]) -> Iterator[ValidationError]:
    """One body after another that is wrong in one field; and some that are no bodies."""
    legal = {name: "x" for name, field in body.model_fields.items() if field.is_required()}
    sent: list[Any] = [legal | {name: value} for name in body.model_fields for value in WRONG]
    for fields in (*sent, *({name: 1} for name in ("nonsense", *legal)), {}, [], "x", 5):
        try:
            body.model_validate(fields)
        except ValidationError as exc:
            yield exc


@pytest.mark.parametrize("body", BODIES, ids=lambda body: body.__name__)
def test_no_error_has_the_words_of_a_library(body: type[BaseModel]):
    """Every validation error of every body: our words, not the library's, with its limit."""
    for exc in refused(body):
        for error in exc.errors():
            check_words(error)
        answer = as_invalid_request(exc, body).body
        assert answer.hint
        assert answer.message.endswith(".")
        assert answer.message.startswith(f"{answer.param}: " if answer.param else "The request: ")
        assert "[key]" not in answer.message


def check_words(error: ErrorDetails) -> None:
    words = words_of(error)
    assert not any(theirs in words for theirs in THEIRS), error
    if error["type"] in OURS:
        return
    assert words != error["msg"]
    assert words.startswith(("must ", "may have ", "there is no such ")), (words, error)
    limits = (limit for limit in error.get("ctx", {}).values() if isinstance(limit, int | float))
    for limit in limits:
        assert str(limit).removesuffix(".0") in words or "not be empty" in words, (words, error)


def test_the_walk_meets_every_kind_of_error():
    """A walk that met nothing would find nothing wrong."""
    met = {error["type"] for body in BODIES for exc in refused(body) for error in exc.errors()}
    assert met >= {
        "missing", "extra_forbidden", "model_type", "dict_type", "list_type", "string_type",
        "string_too_short", "string_too_long", "string_pattern_mismatch", "string_unicode",
        "int_type", "int_parsing", "int_parsing_size", "int_from_float", "float_type",
        "float_parsing", "finite_number", "bool_type", "bool_parsing", "greater_than",
        "greater_than_equal", "less_than_equal", "literal_error", "enum", "url_parsing",
        "url_scheme", "url_too_long", "url_type", "too_long", "value_error", "several_fields",
    }  # fmt: skip


def test_a_field_of_the_models_own_has_the_same_words():
    """Options are judged elsewhere, and said alike."""
    wish = GenerateRequest(prompt="x", options={"step_seconds": 61})
    with pytest.raises(InvalidRequest) as refusal:
        resolve(wish, SPEC, SPEC.variants[0])
    assert refusal.value.body.message == "options.step_seconds: must be 60 or less."
