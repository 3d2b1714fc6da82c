"""What a checkpoint of texts can do."""

from dataclasses import dataclass
from enum import StrEnum

from common.contract import Variant


class Capability(StrEnum):
    """What a checkpoint can do."""

    TEXT_TO_TEXT = "text_to_text"


@dataclass(frozen=True)
class Limits:
    """The range that a checkpoint can write."""

    max_words: int


@dataclass(frozen=True)
class Defaults:
    """What a request gets that does not say."""

    words: int


@dataclass(frozen=True)
class TextVariant(Variant):
    """One checkpoint that writes texts."""

    capabilities: frozenset[Capability]
    limits: Limits
    defaults: Defaults
