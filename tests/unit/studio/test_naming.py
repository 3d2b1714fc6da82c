"""What a request calls the file that is made."""

import pytest

from common.base.errors import InvalidRequest
from studio.naming import name_of
from studio.requests import JobFields


@pytest.mark.parametrize(
    ("path", "name", "whole"),
    [
        (None, None, None),
        ("", None, None),
        (None, "a.mp4", "a.mp4"),
        ("films/2025/", "é a.mp4", "films/2025/é a.mp4"),
    ],
)
def test_a_name_and_its_folders(path: str | None, name: str | None, whole: str | None) -> None:
    asked = JobFields(path=path, output_filename=name)
    assert name_of(asked, has_bucket=True) == (whole, ())


def test_without_a_bucket_there_are_no_folders_and_it_is_said() -> None:
    asked = JobFields(path="films", output_filename="a.mp4")
    name, (change,) = name_of(asked, has_bucket=False)
    assert (name, change.field, change.requested, change.resolved) == ("a.mp4", "path", "films", "")


@pytest.mark.parametrize(
    ("path", "name", "field"),
    [
        ("films", None, "output_filename"),
        ("films", "", "output_filename"),
        ("films", "b/a.mp4", "output_filename"),
        ("../films", "a.mp4", "path"),
        ("/films", "a.mp4", "path"),
        ("studio/" + "0123456789abcdef" * 2, "manifest.json", "path"),  # a job's own folder
        ("é" * 300, "a.mp4", "path"),
    ],
)
def test_what_is_none_is_refused_by_its_field(path: str, name: str | None, field: str) -> None:
    asked = JobFields(path=path, output_filename=name)
    for has_bucket in (True, False):
        with pytest.raises(InvalidRequest) as refused:
            name_of(asked, has_bucket=has_bucket)
        assert refused.value.body.param == field
