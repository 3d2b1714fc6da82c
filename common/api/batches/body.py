"""The body that asks for a batch, and the single requests that it stands for."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Self

from pydantic import ConfigDict, Field, WithJsonSchema, model_validator
from starlette.datastructures import FormData, UploadFile

from common.api.bodies.body import Reader
from common.api.bodies.forms import form_of
from common.api.bodies.json_text import json_of
from common.api.bodies.validated import validated
from common.base.errors import InvalidRequest, Unresolvable
from common.contract import Kind
from common.contract.fields import NO_NUL, contradiction
from common.contract.left_out import MayBeLeftOut

Requests = Annotated[list[Any], WithJsonSchema({"type": "array", "items": {"type": "object"}})]
Prompts = Annotated[list[Any], WithJsonSchema({"type": "array", "items": {"type": "string"}})]
Seeds = Annotated[list[Any], WithJsonSchema({"type": "array", "items": {"type": "integer"}})]
"""Loose, all three: one that is wrong is refused by itself, and the others are made."""


@dataclass(frozen=True)
class Wish:
    """One request of a batch as it was sent, and where each of its fields stands in the body."""

    fields: Any
    place: str
    """Where its fields stand, as in ``requests.3``."""
    places: Mapping[str, str]
    """Of the fields that stand elsewhere, as in ``prompts.2``."""

    def param(self, field: str | None) -> str:
        """The name of a field for the client, within the whole body."""
        if field is None:
            return self.place
        return self.places.get(field, f"{self.place}.{field}")


class BatchRequest(MayBeLeftOut):
    """The body of ``POST /generate/batch``: `requests`, or one `request` with lists to vary it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    requests: Requests | None = Field(None, description="Whole requests, one a job.")
    request: dict[str, Any] | None = Field(
        None, description="What all jobs share, where `prompts` or `seeds` vary it."
    )
    prompts: Prompts | None = Field(None, description="One job for each prompt and each seed.")
    seeds: Seeds | None = Field(None, description="One job for each prompt and each seed.")
    name: str | None = Field(
        None, max_length=200, pattern=NO_NUL, description="For people; need not be unique."
    )
    strict: bool = Field(
        False, description="Refuse the whole batch where one request cannot be made."
    )
    dry_run: bool = Field(
        False, description="Answer what would be made and what it would cost; make nothing."
    )

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        varied = self.prompts is not None or self.seeds is not None
        if (self.requests is not None) == varied:
            raise contradiction("give either requests, or prompts, seeds or both")
        if self.requests is not None and self.request is not None:
            raise contradiction("request is for prompts and seeds; give it or requests, not both")
        return self

    @property
    def lengths(self) -> dict[str, int]:
        """Of the lists that were sent; their product is how many jobs are asked for."""
        lists = {"requests": self.requests, "prompts": self.prompts, "seeds": self.seeds}
        return {name: len(values) for name, values in lists.items() if values is not None}

    def wishes(self) -> list[Wish]:
        """The single requests: as listed, or each prompt with each seed, prompt by prompt."""
        if self.requests is not None:
            return [
                Wish(fields, f"requests.{index}", {}) for index, fields in enumerate(self.requests)
            ]
        return [
            Wish({**(self.request or {}), **prompt, **seed}, "request", places | more)
            for prompt, places in _varied("prompt", self.prompts)
            for seed, more in _varied("seed", self.seeds)
        ]


def _varied(field: str, values: list[Any] | None) -> list[tuple[dict[str, Any], dict[str, str]]]:
    """What each value sets, and where it stands."""
    if values is None:
        return [({}, {})]
    return [({field: value}, {field: f"{field}s.{i}"}) for i, value in enumerate(values)]


@dataclass(frozen=True)
class BatchBody:
    """A body that was read; ``files`` are shared by all requests, and not looked at yet."""

    batch: BatchRequest
    files: Mapping[str, UploadFile]


def check_count(batch: BatchRequest, most: int, noun: str) -> None:
    """Refuse a batch that is empty or too large. Raises Unresolvable."""
    lengths, count = batch.lengths, math.prod(batch.lengths.values())
    for name in (name for name, length in lengths.items() if not length):
        raise Unresolvable(f"{name}: it is empty.", param=name, hint=f"Ask for one {noun} or more.")
    if count > most:
        first = next(iter(lengths))
        raise Unresolvable(
            f"{first}: the batch asks for {count} {noun}s; {most} are allowed.",
            param=first,
            hint="Send several batches. MAX_BATCH_JOBS sets the limit.",
        )


def batch_reader_of(kind: Kind) -> Reader[BatchBody]:
    """The bodies of ``POST /generate/batch``."""
    return Reader(_from_json, partial(_from_form, tuple(kind.uploads)))


def _from_json(text: str | bytes) -> BatchBody:
    return BatchBody(validated(BatchRequest, json_of(text)), {})


def _from_form(uploads: tuple[str, ...], form: FormData) -> BatchBody:
    sent = form_of(form, ("batch", *uploads).__contains__)
    for name in (*sent.texts, *sent.files):
        if name not in (uploads if name in sent.files else ("batch",)):
            files = f", and {' or '.join(uploads)}" if uploads else ""
            raise InvalidRequest(
                f"{name}: there is no such field.",
                param=name,
                hint=f"Send batch, the same JSON object as without a form{files}.",
            )
    if "batch" not in sent.texts:
        raise InvalidRequest(
            "batch: it is missing.", param="batch", hint='As in batch={"requests": [...]}.'
        )
    batch = validated(BatchRequest, json_of(sent.texts["batch"], "batch"))
    return BatchBody(batch, sent.files)
