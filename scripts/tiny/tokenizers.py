"""A tokenizer without a trained vocabulary: one token a character."""

import string

import common.runtime.libraries  # noqa: F401

from transformers import T5TokenizerFast

SPACE = "\u2581"
"""SentencePiece's mark for a space; T5 puts one before every word."""


def t5_tokenizer() -> T5TokenizerFast:
    """T5's own class over the printable ASCII characters; any other character is ``<unk>``.

    Ids: 0 ``<pad>``, 1 ``</s>``, 2 ``<unk>``, as in T5; right padding, ``</s>`` at the end.
    """
    characters = sorted(set(string.printable) - set(string.whitespace))
    scores = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), (SPACE, -2.0)]
    scores += [(character, -3.0) for character in characters]
    return T5TokenizerFast(vocab=scores, extra_ids=0, additional_special_tokens=[])
