"""Names of objects never get out of their place."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from common.base.errors import InvalidRequest
from common.base.settings import Settings
from common.publishing.bucket.inputs import S3Address, s3_address
from common.publishing.bucket.names import MAX_BYTES, object_name


@pytest.mark.parametrize(
    ("prefix", "path", "name", "whole"),
    [
        ("", "", "a.mp4", "a.mp4"),
        ("videos/", "", "a.mp4", "videos/a.mp4"),
        ("videos/", "shows/série 2", "épisode.mp4", "videos/shows/série 2/épisode.mp4"),
        ("", "shows/", "a..b.mp4", "shows/a..b.mp4"),
        ("", "", ".hidden", ".hidden"),
    ],
)
def test_a_name_is_what_it_says(prefix: str, path: str, name: str, whole: str):
    assert object_name(prefix, path, name) == whole


@pytest.mark.parametrize(
    ("path", "name", "field"),
    [
        ("/shows", "a.mp4", "path"),
        ("shows//two", "a.mp4", "path"),
        ("shows/..", "a.mp4", "path"),
        ("./shows", "a.mp4", "path"),
        ("sho\x00ws", "a.mp4", "path"),
        ("sho\nws", "a.mp4", "path"),
        ("shows\u202egnp", "a.mp4", "path"),
        ("shows\\two", "a.mp4", "path"),
        ("sh\ud800ows", "a.mp4", "path"),
        ("shows", "..", "output_filename"),
        ("shows", "", "output_filename"),
        ("shows", "two/a.mp4", "output_filename"),
        ("shows", "a\x7f.mp4", "output_filename"),
        ("a" * MAX_BYTES, "a.mp4", "path"),
    ],
)
def test_what_is_none_is_refused_by_its_field(path: str, name: str, field: str):
    with pytest.raises(InvalidRequest) as refused:
        object_name("videos/", path, name)
    assert refused.value.body.param == field
    assert refused.value.body.hint


def test_1024_bytes_count_and_not_letters():
    most = (MAX_BYTES - len("videos/") - len("/a")) // 2
    assert len(object_name("videos/", "é" * most, "a").encode()) <= MAX_BYTES
    with pytest.raises(InvalidRequest, match="bytes"):
        object_name("videos/", "é" * (most + 1), "a")


@given(st.text(), st.text())
def test_whatever_is_asked_stays_below_the_prefix(path: str, name: str):
    try:
        whole = object_name("videos/", path, name)
    except InvalidRequest:
        return
    steps = whole.split("/")
    assert steps[0] == "videos"
    assert not {"", ".", ".."} & set(steps)
    assert len(whole.encode()) <= MAX_BYTES


@pytest.mark.parametrize(
    ("said", "prefix"), [("", ""), ("videos", "videos/"), ("videos/of/us/", "videos/of/us/")]
)
def test_a_prefix_is_a_folder(said: str, prefix: str):
    assert Settings(_env_file=None, s3_prefix=said).s3_prefix == prefix  # type: ignore[call-arg]


@pytest.mark.parametrize("said", ["/videos", "videos//us", "../videos", "a\nb", "vidéos"])
def test_no_other_prefix_is_taken(said: str):
    with pytest.raises(ValidationError, match="s3_prefix"):
        Settings(_env_file=None, s3_prefix=said)  # type: ignore[call-arg]


def test_an_input_is_an_object_of_an_allowed_bucket():
    assert s3_address("s3://raw/a/b.mp4", ["raw"]) == S3Address("raw", "a/b.mp4")


@pytest.mark.parametrize(
    "text",
    ["s3://other/a.mp4", "s3://raw", "s3://raw/", "https://raw/a.mp4", "s3://RAW/a.mp4"],
)
def test_no_other_input_is_taken(text: str):
    with pytest.raises(InvalidRequest, match=r"no address|nothing from bucket"):
        s3_address(text, ["raw"])
