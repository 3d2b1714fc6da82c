"""What a file is, by its first bytes: every kind that people send."""

from io import BytesIO

import pytest
from PIL import Image

from common.media.kinds import HEAD_BYTES, kind_of


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"])
def test_pictures(form: str):
    file = BytesIO()
    Image.new("RGB", (8, 8)).save(file, form)
    assert kind_of(file.getvalue()[:HEAD_BYTES]) == "image"


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\x00\x00\x00\x18ftypheic", "image"),
        (b"\x00\x00\x00\x18ftypmif1", "image"),
        (b"\x00\x00\x00\x18ftypavif", "image"),
        (b"\x00\x00\x00\x18ftypisom", "video"),
        (b"\x00\x00\x00\x14ftypqt  ", "video"),
        (b"\x00\x00\x00\x14ftyp3gp4", "video"),
        (b"\x00\x00\x00\x08wide\x00\x00\x00\x00mdat", "video"),
        (b"\x1a\x45\xdf\xa3", "video"),
        (b"RIFF\x00\x00\x00\x00AVI LIST", "video"),
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", None),
        (b"G" + bytes(187) + b"G", "video"),
        (b"G" + bytes(300), None),
        (b"hello", None),
        (b"", None),
    ],
)
def test_the_first_bytes_tell(head: bytes, kind: str | None):
    assert kind_of(head) == kind
