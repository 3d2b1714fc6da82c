"""Pictures inside JSON."""

import base64

import pytest

from common.errors import InvalidRequest
from common.media.inputs import decode_base64_image

DATA = b"\x89PNG any bytes \x00\xff"
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
        "ünïcödé",
        "https://example.org/cat.png",
        "data:" + "x" * 100_000 + ";base64,AAAA",
    ],
)
def test_bad_base64_is_the_clients_mistake(text: str):
    with pytest.raises(InvalidRequest) as caught:
        decode_base64_image(text)
    assert caught.value.body.param == "image"
