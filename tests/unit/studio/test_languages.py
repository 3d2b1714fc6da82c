"""Codes of languages, in two letters and in three."""

import pytest

from studio.listening.languages import LANGUAGES, three_letters


@pytest.mark.parametrize(
    ("code", "three"),
    [("pt", "por"), ("de", "deu"), ("zh", "zho"), ("ga", "gle"), ("yue", "yue"), ("xx", None)],
)
def test_three_letters_are_those_of_iso_639_2(code: str, three: str | None) -> None:
    assert three_letters(code) == three


def test_whatever_is_heard_has_three() -> None:
    assert [code for code in LANGUAGES if three_letters(code) is None] == []
