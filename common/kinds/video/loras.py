"""LoRAs that a request may name: ``loras/<name>.safetensors`` of the models volume.

What a file says of itself stands in its header, which is read without torch.
"""

import json
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from common.base.errors import Unresolvable
from common.contract.fields import worded
from common.kinds.video.variants import Capability, VideoVariant
from common.runtime.safetensors_format import DamagedFile, header_bytes

FOLDER = "loras"
ENDING = ".safetensors"
LORA_NAME = worded(
    r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$",
    "must be letters, digits, _, . and -, at most 64, the first a letter or a digit",
)
MAX_LORAS = 4
LOWER = re.compile(r"\.(lora_A|lora_down)(\.default)?\.weight$")
"""How the first matrix of a pair is called."""


class LoraUse(BaseModel):
    """One LoRA, and how strongly it counts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(pattern=LORA_NAME)] = Field(description="`GET /loras` lists them.")
    strength: float = Field(1.0, ge=-4, le=4, description="1 is as it was trained, 0 is nothing.")


class ResolvedLora(BaseModel):
    """What is added to the model's layers. ``size_bytes`` is the file's."""

    model_config = ConfigDict(frozen=True)

    name: str
    strength: float
    size_bytes: int


Loras = Annotated[tuple[LoraUse, ...], Field(max_length=MAX_LORAS)]


@dataclass(frozen=True)
class Told:
    """What a file says of itself; None where it does not, or cannot be read."""

    name: str
    size_bytes: int
    rank: int | None
    base: str | None
    trigger_words: tuple[str, ...]
    """What a prompt should have for it to count."""


@dataclass(frozen=True)
class LoraFolder:
    """Those of one models volume. It is looked into anew at each question."""

    models_dir: Path

    @property
    def folder(self) -> Path:
        """Of the files."""
        return self.models_dir / FOLDER

    def path(self, name: str) -> Path:
        """Where it is, if it is there."""
        return self.folder / f"{name}{ENDING}"

    def all(self) -> list[Told]:
        """What there is, by name."""
        names = sorted(file.stem for file in self.folder.glob(f"*{ENDING}"))
        found = []
        for name in (name for name in names if re.match(LORA_NAME, name)):
            with suppress(FileNotFoundError):  # removed while we looked
                found.append(self.told(name))
        return found

    def resolve(self, uses: Sequence[LoraUse], variant: VideoVariant) -> tuple[ResolvedLora, ...]:
        """Of those of a request. Raises Unresolvable."""
        if uses and Capability.LORA not in variant.capabilities:
            raise Unresolvable(
                f"{variant.name} takes no LoRAs here.", param="loras", hint="Leave loras out."
            )
        if len({use.name for use in uses}) < len(uses):
            raise Unresolvable("loras names one twice.", param="loras", hint="Add their strengths.")
        return tuple(self._one(index, use) for index, use in enumerate(uses))

    def _one(self, index: int, use: LoraUse) -> ResolvedLora:
        try:
            size = self.path(use.name).stat().st_size
        except OSError as exc:
            raise Unresolvable(
                f"loras: there is no {use.name!r}.",
                param=f"loras.{index}.name",
                hint=f"GET /loras lists those in {FOLDER}/ of the models volume.",
            ) from exc
        return ResolvedLora(name=use.name, strength=use.strength, size_bytes=size)

    def mark(self, name: str) -> tuple[int, int, int]:
        """Differs when the file does; nobody can set its last part back. Raises OSError."""
        found = self.path(name).stat()
        return found.st_size, found.st_mtime_ns, found.st_ctime_ns

    def told(self, name: str) -> Told:
        """What one says of itself. Raises OSError where it is not there."""
        file = self.path(name)
        header = _header(file)
        told = header.get("__metadata__")
        told = told if isinstance(told, dict) else {}
        ranks = [_rows(value) for key, value in header.items() if LOWER.search(key)]
        return Told(
            name=name,
            size_bytes=file.stat().st_size,
            rank=max((rank for rank in ranks if rank), default=None),
            base=_text(told, "ss_base_model_version") or None,
            trigger_words=tuple(_listed(_text(told, "modelspec.trigger_phrase"))),
        )


def _header(file: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            found = json.loads(header_bytes(stream.fileno(), size))
    except (OSError, DamagedFile, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _rows(value: Any) -> int | None:
    match value:
        case {"shape": [int(rows), *_]}:
            return rows
    return None


def _listed(text: str) -> Iterator[str]:
    """Words, or phrases of several, between commas."""
    return filter(None, (part.strip() for part in text.split(",")))


def _text(told: dict[str, Any], key: str) -> str:
    """As kohya-ss/sd-scripts (``ss_``) and Stability-AI/ModelSpec write them."""
    value = told.get(key, "")
    return value if isinstance(value, str) else ""
