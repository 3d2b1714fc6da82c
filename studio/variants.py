"""What is heard with: checkpoints of Whisper, and the limits of the cutting room. No torch here."""

from dataclasses import dataclass
from enum import StrEnum

from common.contract import Variant


class Capability(StrEnum):
    """What the cutting room can do."""

    TRANSCRIBE = "transcribe"
    TRANSLATE = "translate"
    CAPTIONS = "captions"
    PICTURES_TO_FILM = "pictures_to_film"
    SOUND = "sound"
    EDIT = "edit"


@dataclass(frozen=True)
class Limits:
    """How much one job may be."""

    max_seconds: float
    """Of each file."""
    max_pictures: int
    """Of a film."""


@dataclass(frozen=True)
class Defaults:
    """What a request gets that does not say."""

    fps: float
    resolution: str
    """Of films that are made from pictures."""


@dataclass(frozen=True)
class StudioVariant(Variant):
    """One checkpoint that listens."""

    capabilities: frozenset[Capability]
    limits: Limits
    defaults: Defaults
    english_only: bool = False
    """It knows no other language."""


_ALL = frozenset(Capability)
LIMITS = Limits(max_seconds=4 * 3600, max_pictures=500)
DEFAULTS = Defaults(fps=24, resolution="1920x1080")
_FILES = (
    *("config.json", "model.bin", "preprocessor_config.json"),
    *("tokenizer.json", "vocabulary.*"),
)
"""CTranslate2's layout. ``model.bin`` is its own format, and no pickle."""
_FILES_OF_TRANSFORMERS = ("*.json", "*.txt", "model.safetensors")


def _whisper(
    checkpoint: str,
    revision: str,
    without: frozenset[Capability] = frozenset(),
    *,
    english_only: bool = False,
    files: tuple[str, ...] = _FILES,
) -> StudioVariant:
    return StudioVariant(
        checkpoint,
        revision,
        _ALL - without,
        LIMITS,
        DEFAULTS,
        files=files,
        english_only=english_only,
    )


_TRANSLATE = frozenset({Capability.TRANSLATE})

TURBO = _whisper(
    "mobiuslabsgmbh/faster-whisper-large-v3-turbo",
    "0a363e9161cbc7ed1431c9597a8ceaf0c4f78fcf",
    _TRANSLATE,  # it was distilled without
)
TURBO_GPU = _whisper(
    "openai/whisper-large-v3-turbo",
    "41f01f3fe87f28c78e2fbf8b568835947dd65ed9",
    _TRANSLATE,
    files=_FILES_OF_TRANSFORMERS,
)
SMALL = _whisper("Systran/faster-whisper-small", "536b0662742c02347bc0e980a01041f333bce120")
BASE = _whisper("Systran/faster-whisper-base", "ebe41f70d5b6dfa9166e2c581c45c9c0cfc57b66")
TINY_EN = _whisper(
    "Systran/faster-whisper-tiny.en",
    "0d3d19a32d3338f10357c0889762bd8d64bbdeba",
    _TRANSLATE,
    english_only=True,
)
VARIANTS = (TURBO, TURBO_GPU, SMALL, BASE, TINY_EN)
