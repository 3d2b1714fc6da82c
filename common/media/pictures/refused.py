"""Why a picture is not taken. Plain words are made of it where a client is answered."""

from enum import StrEnum


class Why(StrEnum):
    """What is wrong with it."""

    UNKNOWN = "unknown"
    """No picture, or of a kind that is not taken."""
    TOO_LARGE = "too_large"
    """More pixels than are allowed, by its header."""
    SCANS = "scans"
    """A JPEG in more scans than any program writes."""
    DAMAGED = "damaged"
    """Its pixels cannot be decoded, all of them."""
    COSTLY = "costly"
    """Decoding it takes more time or memory than there is for one picture."""


class Refused(Exception):
    """The picture is not taken. ``kind`` is what it is instead, where that is known."""

    def __init__(self, why: Why, kind: str = "") -> None:
        super().__init__(why)
        self.why = why
        self.kind = kind
