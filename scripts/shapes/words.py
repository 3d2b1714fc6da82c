"""The tokenizer of the captions: T5's own class, with a piece for each of their words."""

import itertools
import string
from collections.abc import Iterator

import common.runtime.libraries  # noqa: F401

from transformers import T5TokenizerFast

from scripts.shapes import captions
from scripts.shapes.scenes import Colour, Shape
from scripts.tiny.tokenizers import SPACE

LETTERS = "àáâãçéêíóôõúÀÁÂÃÇÉÊÍÓÔÕÚ"
SPECIAL = ("<pad>", "</s>", "<unk>")
WORD, LETTER = -2.0, -9.0
"""Scores: a word is likelier than its letters."""


def tokenizer() -> T5TokenizerFast:
    """Ids 0 to 2 are T5's. A word that no caption has is read by its letters."""
    words = sorted({f"{SPACE}{form}" for word in _words() for form in (word, word.capitalize())})
    letters = sorted({*string.printable, *LETTERS} - {*string.whitespace})
    pieces = [(special, 0.0) for special in SPECIAL]
    pieces += [(SPACE, LETTER), *((letter, LETTER) for letter in letters)]
    pieces += [(word, WORD) for word in words]
    return T5TokenizerFast(vocab=pieces, extra_ids=0, additional_special_tokens=[])


def _words() -> Iterator[str]:
    """Of every caption there can be."""
    yield from ("a", "an", "shape", "um", "uma", "forma", "parada")
    one = (
        captions.PORTUGUESE_SHAPES,
        captions.SPEEDS,
        captions.PORTUGUESE_SPEEDS,
        captions.BEHIND,
        captions.PORTUGUESE_BEHIND,
    )
    many = (captions.WAYS, captions.PORTUGUESE_WAYS, captions.PORTUGUESE_COLOURS)
    stays = (captions.MOVES, captions.STANDS, captions.PORTUGUESE_MOVES, captions.PORTUGUESE_STANDS)
    texts = [*Shape, *Colour, *itertools.chain(*stays)]
    texts += itertools.chain.from_iterable(group.values() for group in one)
    texts += itertools.chain.from_iterable(itertools.chain(*group.values()) for group in many)
    for text in texts:
        yield from text.split()
