"""Llama 3's tokenizer as it is published.

The checkpoints name ``LlamaTokenizerFast`` for it. In transformers 5 that is the tokenizer of Llama
2, whatever ``tokenizer.json`` says: every space and line break of a prompt is lost without a word
(huggingface/transformers, issue 45488). It can go once that is closed, and the test says so.
"""

from pathlib import Path
from typing import Any

import common.runtime.libraries  # noqa: F401

from transformers import PreTrainedTokenizerFast

from common.runtime.weights import damaged, missing

FILE = "tokenizer/tokenizer.json"


def published_tokenizer(checkpoint: Path) -> Any:
    """What ``tokenizer/tokenizer.json`` describes; padding on the right.

    The pipeline cuts the template off in front, by its number of tokens: so its authors pad there
    (hyvideo/text_encoder/__init__.py, ``padding_side="right"``).

    Raises:
        CheckpointError: the file is missing or damaged.
    """
    if not (checkpoint / FILE).is_file():
        raise missing(checkpoint, f"{FILE} is missing")
    folder = str(checkpoint / "tokenizer")
    try:
        return PreTrainedTokenizerFast.from_pretrained(
            folder, padding_side="right", local_files_only=True
        )
    except Exception as exc:  # what the parser raises has no class of its own
        raise damaged(checkpoint, f"{FILE} cannot be read") from exc
