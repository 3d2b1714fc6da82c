"""Tells pictures from videos by their first bytes, as ``file`` does: names and types may lie."""

from typing import Literal

from common.media.pictures import kinds
from common.media.pictures.refused import Refused

Kind = Literal["image", "video"]
HEAD_BYTES = 512


def kind_of(head: bytes) -> Kind | None:
    """What a file with these first bytes is; None where they say nothing.

    Also of kinds that nobody here takes: they are refused as what they are.
    """
    try:
        kinds.kind_of(head)
    except Refused as exc:
        if not exc.kind:
            return None
        return "video" if exc.kind == kinds.VIDEO else "image"
    return "image"
