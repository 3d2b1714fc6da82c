"""What files are called, by prompts in any script."""

import pytest

from common.api.routes.file_names import asked_name, name_of, plain_words, real_words
from scripts.cli.saving import name_in


@pytest.mark.parametrize(
    ("text", "real", "plain"),
    [
        ("Ação", "Ação", "Acao"),
        ("Ac\u0327a\u0303o", "Ação", "Acao"),
        ("Straße, Łódź & Ærø", "Straße-Łódź-Ærø", "Strasse-Lodz-AEro"),
        ("猫在海滩上", "猫在海滩上", ""),
        ("हिन्दी", "हिन्दी", ""),
        ("../../etc/passwd\r\n\x00\u202e\"';", "etc-passwd", "etc-passwd"),
        ("😀", "", ""),
        ("a" * 60, "a" * 48, "a" * 48),
    ],
)
def test_words_of_every_script(text: str, real: str, plain: str):
    assert (real_words(text), plain_words(text)) == (real, plain)


@pytest.mark.parametrize("words", ["a bar", "Ação", "猫在海滩上", "नमस्ते" * 20, ""])
def test_a_name_fits_and_is_read_back(words: str):
    """Every header that we write is read by our own client as the real name."""
    name = name_of("toy-stand-in", words, 0, "f" * 32, "mp4")
    assert len(f"000_{name.real}".encode()) <= 255
    assert name.plain.isascii()
    assert name.attachment.isascii()
    assert name_in(name.attachment) == name.real
    assert name.real.endswith("_1970-01-01_ffffffff.mp4")


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("aula_2.final.mp4", "aula_2.final.mp4"),
        ("aula 2 (final).mp4", "aula-2-final-.mp4"),
        ("Ação.mp4", "Acao.mp4"),
        ("猫.mp4", "ffffffff.mp4"),
        ("猫", "ffffffff"),
        ("a\";'%.mp4", "a-.mp4"),
    ],
)
def test_a_name_that_was_asked_for_is_kept(name: str, plain: str):
    asked = asked_name(name, "f" * 32)
    assert (asked.real, asked.plain) == (name, plain)
    assert asked.attachment.isascii()


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ('attachment; filename="a.mp4"', "a.mp4"),
        ("attachment; filename*=utf-8''%E7%8C%AB.mp4", "猫.mp4"),
        ("attachment; filename*=utf-8''..%2Fa.mp4; filename=\"b.mp4\"", "b.mp4"),
        ('attachment; filename="../a.mp4"', None),
        ('attachment; filename=".bashrc"', None),
        ("attachment; filename*=utf-8''%1B%5B2J.mp4", None),
        ("", None),
    ],
)
def test_a_service_does_not_say_where_a_file_goes(header: str, name: str | None):
    assert name_in(header) == name
