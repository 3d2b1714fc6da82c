"""Tokenizers without a trained vocabulary: one token a character, or one a byte."""

import string

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast, T5TokenizerFast

SPACE = "\u2581"
"""SentencePiece's mark for a space; T5 puts one before every word."""

MARKS = {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}


def t5_tokenizer() -> T5TokenizerFast:
    """T5's own class over the printable ASCII characters; any other character is ``<unk>``.

    Ids: 0 ``<pad>``, 1 ``</s>``, 2 ``<unk>``, as in T5; right padding, ``</s>`` at the end.
    """
    characters = sorted(set(string.printable) - set(string.whitespace))
    scores = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), (SPACE, -2.0)]
    scores += [(character, -3.0) for character in characters]
    return T5TokenizerFast(vocab=scores, extra_ids=0, additional_special_tokens=[])


def byte_tokenizer(
    *, padding_side: str = "left", bos_token: str | None = None, extra_tokens: tuple[str, ...] = ()
) -> PreTrainedTokenizerFast:
    """A byte-level BPE without merges: every text has tokens, none is unknown.

    Ids: 0 ``<pad>``, 1 ``</s>``, 2 ``<unk>``, then the 256 bytes, then ``bos_token`` if any and
    ``extra_tokens``, so that the vocabulary holds 259 and those.
    """
    symbols = [*MARKS.values(), *sorted(pre_tokenizers.ByteLevel.alphabet())]
    specials = [*([bos_token] if bos_token else []), *extra_tokens]
    vocabulary = {symbol: index for index, symbol in enumerate([*symbols, *specials])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token=MARKS["unk_token"]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    single = f"{bos_token} $A" if bos_token else "$A </s>"
    ends = [(token, vocabulary[token]) for token in ("</s>", *specials)]
    tokenizer.post_processor = processors.TemplateProcessing(single=single, special_tokens=ends)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        **MARKS,
        bos_token=bos_token,
        additional_special_tokens=list(extra_tokens),
        padding_side=padding_side,
    )
