"""What a client may leave out, it may also send as ``null``: many programs write every field."""

from collections.abc import Mapping
from functools import cache
from typing import Any, ClassVar

from pydantic import AliasChoices, BaseModel, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

NULL = {"type": "null"}
_OF_THE_FIELD = ("title", "description", "default")


class MayBeLeftOut(BaseModel):
    """A body whose fields count as not sent where they are ``null``, in every record of it too."""

    hints: ClassVar[Mapping[str, str]] = {}
    """The way out where one of these fields is wrong."""

    @model_validator(mode="before")
    @classmethod
    def _drop_nulls(cls, sent: Any) -> Any:
        if not isinstance(sent, dict):
            return sent
        known = _names(cls)  # a name that nobody knows is still told, whatever its value
        return {
            name: value for name, value in sent.items() if value is not None or name not in known
        }

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        schema = handler(core)
        say_null(handler.resolve_ref_schema(schema))
        return schema


@cache
def _names(of: type[BaseModel]) -> frozenset[str]:
    """Of its fields, and all others that they go by."""
    names: set[object] = set(of.model_fields)
    for field in of.model_fields.values():
        alias = field.validation_alias
        names.update(alias.choices if isinstance(alias, AliasChoices) else [alias])
    return frozenset(name for name in names if isinstance(name, str))


def say_null(schema: JsonSchemaValue) -> None:
    """Let the description of a body say it, too: all that may be left out may be null."""
    required = schema.get("required", ())
    for name, field in schema.get("properties", {}).items():
        if name not in required:
            schema["properties"][name] = or_null(field)


def or_null(field: dict[str, Any]) -> dict[str, Any]:
    """The schema of one field, or null."""
    choices = [each for one in field.get("anyOf", ()) for each in one.get("oneOf", [one])]
    if NULL in choices:
        return {**field, "anyOf": choices}
    about = {key: value for key, value in field.items() if key in _OF_THE_FIELD}
    value = {key: value for key, value in field.items() if key not in _OF_THE_FIELD}
    return {"anyOf": [*value.pop("anyOf", ()), *([value] if value else []), NULL], **about}


def without_nulls(sent: Any) -> Any:
    """An object's members but for those that are null; whatever is no object stays."""
    if not isinstance(sent, dict):
        return sent
    return {name: value for name, value in sent.items() if value is not None}
