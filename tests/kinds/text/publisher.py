"""From words to a finished text's file."""

from collections.abc import Iterator
from typing import TextIO

from common.contract import Making
from tests.kinds.text.files import TEXT
from tests.kinds.text.result import TextResult

Words = Iterator[str]
"""What a model of texts makes, one after the other."""


class TextPublisher:
    """Writes while the model still thinks."""

    def publish(self, product: Words, making: Making) -> TextResult:
        """Draw all words. Raises what ``making.look`` raises."""
        path = making.folder / TEXT.name
        with path.open("w", encoding="utf-8") as file:
            characters = self._write(product, making, file)
        making.model_done()
        return TextResult(
            folder=making.folder.name,
            size_bytes=path.stat().st_size,
            characters=characters,
            checkpoint=making.checkpoint.id,
            revision=making.checkpoint.revision,
            stands_in_for=making.checkpoint.stands_in_for,
        )

    def _write(self, words: Words, making: Making, file: TextIO) -> int:
        characters = file.write(f"{making.request.prompt}:")
        for word in words:
            making.look()
            characters += file.write(f" {word}")
        return characters + file.write("\n")
