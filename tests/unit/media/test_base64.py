"""Pictures inside JSON."""

import base64
import os
import time
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import quote

import pytest

from common.base.errors import InvalidRequest
from common.media.inputs import decode_base64_image

DATA = b"\x89PNG any bytes \x00\xff\xfb\xef\xbe"
TEXT = base64.b64encode(DATA).decode()


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        f"data:image/png;base64,{TEXT}",
        f"data:image/png;name=a.png;base64,{TEXT}",
        f"DATA:;BASE64,{TEXT}",
        f"  {TEXT[:8]}\r\n{TEXT[8:]}\n",
        f"data:image/png;base64, {TEXT}",
        f"data:image/png;base64,{quote(TEXT, safe='')}",
        " ".join(TEXT),
        TEXT.replace("+", "-").replace("/", "_"),
    ],
)
def test_base64_as_clients_write_it(text: str):
    assert decode_base64_image(text) == DATA


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        "data:image/png;base64,",
        f"data:image/png,{TEXT}",
        "data:image/png;base64",
        "not base64!",
        TEXT + "$",
        TEXT[:-3],
        f"{TEXT[:8]}={TEXT[8:]}",
        f"{TEXT}==AAAA",
        "ünïcödé",
        "https://example.org/cat.png",
        "data:" + "x" * 100_000 + ";base64,AAAA",
    ],
)
def test_bad_base64_is_the_clients_mistake(text: str):
    with pytest.raises(InvalidRequest) as caught:
        decode_base64_image(text)
    assert caught.value.body.param == "image"


@pytest.mark.parametrize("size", [1, 2, 3, 1000, 2**20 + 1])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_padding_may_be_left_out_and_both_alphabets_are_read(
    size: int, encode: Callable[..., bytes]
):
    data = os.urandom(size)
    text = encode(data).decode()
    assert decode_base64_image(text) == decode_base64_image(text.rstrip("=")) == data


def test_pieces_are_one_text():
    """A large text is decoded in pieces, which end anywhere in a group of four letters."""
    data = os.urandom(3_000_000)
    text = base64.encodebytes(data).decode()
    for shift in range(4):
        assert decode_base64_image(" " * shift + text) == data
    first = base64.b64encode(data[: 2**20 // 4 * 3 - 1]).decode()
    assert len(first) == 2**20
    with pytest.raises(InvalidRequest):  # an end where a piece ends is still not the text's
        decode_base64_image(f"{first}AAAA")


@pytest.mark.parametrize("letters", ["A ", "A" * 8, "%3D", "=", " "])
def test_no_text_is_slow_to_read(letters: str):
    """Linear, whatever the text is made of: 24 MB in well under a second."""
    began = time.process_time()
    with suppress(InvalidRequest):
        decode_base64_image("data:image/png;base64," + letters * (24 * 2**20 // len(letters)))
    assert time.process_time() - began < 4
