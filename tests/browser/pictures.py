"""Pictures to begin with."""

from io import BytesIO

from PIL import Image


def png(width: int) -> bytes:
    """One that is 48 pixels high."""
    file = BytesIO()
    Image.new("RGB", (width, 48), "teal").save(file, "PNG")
    return file.getvalue()
