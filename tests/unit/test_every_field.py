"""What a request can say is known wherever people look: page, terminal, documentation, OpenAPI."""

import json
import re
import shlex
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from common.kinds.video.afterwards import Afterwards
from common.kinds.video.examples import EXAMPLES
from common.kinds.video.requests import GenerateRequest
from scripts.cli.main import app
from tests.integration.test_docs_commands import commands
from tests.unit.test_page_words import PAGE, VIDEO

FIELDS = set(GenerateRequest.model_fields)
REFINED = {
    "interpolate": {"enable_frame_interpolation", "frame_interpolation_exp"},
    "upscale": {"enable_upscaling", "upscaling_scale"},
}
"""Options of the command line that say two fields each."""
NOT_ON_THE_PAGE = {
    "webhook_url": "it is for programs, and a person looks at the page",
    "priority": "the page's queue is put in order by hand",
}
NOT_IN_THE_DOCS = {"webhook_url": "no service calls anybody unless it is set up: operations.md"}
_FORM = ("fields", "media", "sources", "pictures", "refine", "loras", "presets")
"""Scripts of the page that make the request; those of the page itself are ``_OWN``."""
_OWN = ("form", "estimate")


def _generate() -> Any:
    group: Any = typer.main.get_command(app)
    return group.commands["generate"]


def _fields_of(option: str) -> set[str]:
    return REFINED.get(option, {option}) & FIELDS


def test_all_are_in_the_command_lines_help():
    shown = CliRunner().invoke(app, ["generate", "--help"], env={"COLUMNS": "200"}).output
    told = set[str]()
    for option in _generate().params:
        assert option.param_type_name == "argument" or option.opts[0] in shown
        assert option.help, option.name
        told |= _fields_of(option.name)
    assert told == FIELDS


def _said(command: str) -> set[str]:
    """The fields of a request that a documented command says."""
    words = shlex.split(command)
    if words[0] == "curl":
        bodies = [json.loads(words[at + 1]) for at, word in enumerate(words) if word == "-d"]
        parts = [words[at + 1].partition("=")[0] for at, word in enumerate(words) if word == "-F"]
        return {*parts, *(name for body in bodies for name in body)}
    parsed = _generate().make_context("generate", words[2:])
    source = {name: parsed.get_parameter_source(name).name for name in parsed.params}
    given = [name for name in source if source[name] == "COMMANDLINE"]
    return {field for name in given for field in _fields_of(name)}


def test_all_are_in_an_example_of_the_documentation():
    said = {field for command in commands("docs/requests.md") for field in _said(command)}
    assert FIELDS - said == set(NOT_IN_THE_DOCS)


def test_all_are_in_an_example_of_the_api():
    bodies: list[dict[str, Any]] = [each for each in EXAMPLES if isinstance(each, dict)]
    assert FIELDS - {name for body in bodies for name in body} == set()


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: ", ".join(example))
def test_an_example_of_the_api_is_a_request(example: dict[str, Any]):
    assert GenerateRequest.model_validate(example).model_dump(exclude_unset=True)


def test_all_are_on_the_page():
    scripts = [VIDEO / f"{name}.js" for name in _FORM] + [PAGE / f"{name}.js" for name in _OWN]
    code = "".join(
        re.sub(r"/\*.*?\*/|//[^\n]*", "", path.read_text(), flags=re.S) for path in scripts
    )
    assert {field for field in FIELDS if not re.search(rf"\b{field}\b", code)} == set(
        NOT_ON_THE_PAGE
    )
    assert set(Afterwards.model_fields) <= FIELDS
