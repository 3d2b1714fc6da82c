"""A prompt with places left open: what one is, and how it is filled.

Filling replaces ``{name}`` by the client's words, once and literally. It is no format string: there
is nothing in braces but the name of a variable, and braces in the client's words stay braces.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from common.base.errors import Unresolvable
from common.base.yaml_folder import NamedTemplate
from common.contract.fields import MAX_PROMPT_CHARS, MAX_VARIABLE_CHARS, MAX_VARIABLES, VariableName

_PLACE = re.compile(r"\{([^{}]*)\}")
_Words = Annotated[str, Field(max_length=MAX_VARIABLE_CHARS)]


class Variable(BaseModel):
    """One open place."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    default: _Words | None = Field(None, description="Null: it must be given.")
    description: _Words


class Template(NamedTemplate):
    """One template, as its file says it."""

    prompt: Annotated[
        str, Field(min_length=1, max_length=MAX_PROMPT_CHARS, description="With `{variable}`s.")
    ]
    variables: dict[VariableName, Variable] = Field({}, max_length=MAX_VARIABLES)

    @model_validator(mode="after")
    def _every_place_is_explained(self) -> Self:
        places = set(_PLACE.findall(self.prompt))
        if "{" in _PLACE.sub("", self.prompt) or "}" in _PLACE.sub("", self.prompt):
            raise ValueError("prompt: braces are for variables only, as in {subject}")
        if places != self.variables.keys():
            odd = ", ".join(sorted(places ^ self.variables.keys()))
            raise ValueError(f"prompt and variables do not agree about: {odd}")
        return self

    def filled(self, given: Mapping[str, str]) -> str:
        """The prompt.

        Raises:
            Unresolvable: a variable is unknown, missing or too long, or all of it says nothing.
        """
        for name in given:
            if name not in self.variables:
                raise self._refused(name, f"the template {self.name} has no such variable")
        defaults = {name: variable.default for name, variable in self.variables.items()}
        values = defaults | dict(given)
        for name, value in values.items():
            if value is None:
                raise self._refused(name, f"the template {self.name} needs it")
        prompt = _PLACE.sub(lambda place: values[place[1]] or "", self.prompt)
        self._check(prompt)
        return prompt

    def _check(self, prompt: str) -> None:
        if len(prompt) > MAX_PROMPT_CHARS or "\x00" in prompt or not prompt.strip():
            raise Unresolvable(
                f"variables: the prompt that they make has {len(prompt)} characters; it must have "
                f"at most {MAX_PROMPT_CHARS}, none of them NUL, and say something.",
                param="variables",
                hint="Say it in fewer words.",
            )

    def _refused(self, name: str, reason: str) -> Unresolvable:
        known = ", ".join(
            f"{each} (needed)" if variable.default is None else each
            for each, variable in self.variables.items()
        )
        return Unresolvable(
            f"variables.{name}: {reason}.",
            param=f"variables.{name}",
            hint=f"Its variables: {known or 'none'}.",
        )
