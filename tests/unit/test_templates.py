"""Templates: literal filling, files that are no templates, and a folder that changes."""

import logging
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from common.base.errors import InvalidRequest
from common.base.yaml_folder import MAX_FILE_BYTES
from common.contract.fields import MAX_PROMPT_CHARS
from common.kinds.video.templates.folder import PACKAGED, TemplateFolder
from common.kinds.video.templates.template import Template

GOOD = {
    "name": "film",
    "description": "A film.",
    "prompt": "{what}, {look}",
    "variables": {
        "what": {"description": "What."},
        "look": {"description": "How.", "default": "in colour"},
    },
}


def template(**changes: object) -> Template:
    return Template.model_validate(GOOD | changes)


def write(folder: Path, file: str, **changes: object) -> None:
    (folder / f"{file}.yaml").write_text(yaml.safe_dump(GOOD | changes))


def test_open_places_are_filled_and_defaults_stand_in():
    assert template().filled({"what": "A cat"}) == "A cat, in colour"
    assert template().filled({"what": "A cat", "look": "in grey"}) == "A cat, in grey"


@example("{look}")
@example("{what}")
@given(st.text(min_size=1, max_size=100).filter(lambda text: "\x00" not in text))
def test_words_of_a_client_are_never_looked_into(words: str):
    assert template().filled({"what": words}) == f"{words}, in colour"


def test_missing_and_unknown_variables_are_named_with_the_known_ones():
    for given_values, name in (({}, "what"), ({"what": "x", "colour": "red"}, "colour")):
        with pytest.raises(InvalidRequest) as refusal:
            template().filled(given_values)
        assert refusal.value.body.param == f"variables.{name}"
        assert refusal.value.body.hint == "Its variables: what (needed), look."


def test_the_prompt_that_comes_out_is_bounded():
    long = template(prompt="{what}" * 10, variables={"what": {"description": "What."}})
    assert len(long.filled({"what": "x" * (MAX_PROMPT_CHARS // 10)})) == MAX_PROMPT_CHARS
    for words in ("x" * 1000, "\x00", " "):
        with pytest.raises(InvalidRequest, match="characters"):
            long.filled({"what": words})


@pytest.mark.parametrize(
    "prompt",
    [
        "{what.__class__}, {look}",
        "{what[0]}, {look}",
        "{what!r}, {look}",
        "{what:>10}, {look}",
        "{}, {what}, {look}",
        "{{what}}, {look}",
        "{what}, {look} {",
        "{what}, {look} }",
        "{what}",
        "{what}, {look}, {more}",
    ],
)
def test_braces_are_for_the_variables_and_nothing_else(prompt: str):
    with pytest.raises(ValidationError):
        template(prompt=prompt)


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "../film"},
        {"name": "Film"},
        {"name": 3},
        {"prompt": ""},
        {"prompt": "x" * (MAX_PROMPT_CHARS + 1), "variables": {}},
        {"extra": 1},
        {"variables": ["what"]},
        {"variables": {"what": {"description": "x", "default": 3}, "look": {"description": "x"}}},
    ],
)
def test_a_file_says_what_a_template_has_and_nothing_else(changes: dict[str, object]):
    with pytest.raises(ValidationError):
        template(**changes)


def test_what_is_packaged_is_all_good(caplog: pytest.LogCaptureFixture):
    assert len(TemplateFolder(PACKAGED).all()) == len(list(PACKAGED.glob("*"))) >= 4
    assert caplog.text == ""


def test_broken_files_are_named_once_and_the_others_stay(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    write(tmp_path, "good")
    write(tmp_path, "same-name")
    write(tmp_path, "wrong", name="wrong", prompt="{secret}")
    (tmp_path / "unsafe.yaml").write_text("!!python/object/apply:os.system ['touch /tmp/owned']")
    (tmp_path / "half.yaml").write_text("name: [")
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe\x00\x01")
    (tmp_path / "deep.yaml").write_text("[" * 20_000)
    (tmp_path / "large.yaml").write_text("#" * (MAX_FILE_BYTES + 1))
    (tmp_path / "folder.yaml").mkdir()
    (tmp_path / "other.txt").write_text("not looked at")
    folder = TemplateFolder(tmp_path)
    with caplog.at_level(logging.WARNING):
        assert [one.name for one in folder.all()] == ["film"]
        folder.all()
    named = [record.__dict__["file"] for record in caplog.records]
    broken = ("bytes", "deep", "half", "large", "same-name", "unsafe", "wrong")
    assert named == [f"{name}.yaml" for name in broken]


def test_the_folder_is_read_again_when_it_changes(tmp_path: Path):
    folder = TemplateFolder(tmp_path / "templates")
    assert folder.all() == [], "a folder that is not there holds nothing"
    (tmp_path / "templates").mkdir()
    write(tmp_path / "templates", "one")
    assert [one.description for one in folder.all()] == ["A film."]
    write(tmp_path / "templates", "one", description="Another film.")
    assert [one.description for one in folder.all()] == ["Another film."]
    (tmp_path / "templates" / "one.yaml").unlink()
    assert folder.all() == []


def test_it_is_not_read_again_while_it_stays(tmp_path: Path):
    write(tmp_path, "one")
    folder = TemplateFolder(tmp_path)
    (first,), (again,) = folder.all(), folder.all()
    assert first is again
