"""What clients were promised: the description of each API, but for its texts."""

import json
import re
from itertools import islice
from typing import Any

import pytest

from tests.before.documents import MODULES, differences, documents, held, stored_document

SHOWN = 12


@pytest.fixture(scope="module")
def now() -> dict[str, Any]:
    return documents()


@pytest.mark.parametrize("model", MODULES)
def test_the_api_is_described_as_before(now: dict[str, Any], model: str):
    found = list(islice(differences(held(stored_document(model)), held(now[model])), SHOWN))
    assert not found, "\n" + "\n".join(found)


def test_texts_may_change_and_nothing_else():
    before = {
        "info": {"version": "1", "description": "Old words."},
        "paths": {"/a": {"get": {"operationId": "a", "description": "It."}}, "/b": {}},
        "parts": {"properties": {"description": {"type": "string"}}, "required": ["x"]},
    }
    now = {
        "paths": {"/b": {}, "/a": {"get": {"operationId": "a2", "description": "That."}}},
        "parts": {"properties": {}, "required": ["x", "y"]},
        "info": {"version": "2"},
    }
    assert list(differences(held(before), held(now))) == [
        'parts > properties > description: {"type": "string"} before, nothing now',
        'parts > required: ["x"] before, ["x", "y"] now',
        'paths > /a > get > operationId: "a" before, "a2" now',
    ]


@pytest.mark.parametrize("model", MODULES)
def test_every_reference_leads_somewhere(now: dict[str, Any], model: str):
    document = now[model]
    text = json.dumps(document)
    wanted = set(re.findall(r'"\$ref": "([^"]+)"', text))
    there = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert wanted <= there
    assert '"$defs"' not in text
