"""MAGI-1's text encoder: T5-v1.1-XXL over cleaned captions, padded to 800 tokens.

Source: SandAI-org/MAGI-1, inference/model/t5/t5_model.py and prompt_process.py.
"""

from pathlib import Path
from typing import Any, NamedTuple

import torch
from transformers import AutoTokenizer, T5EncoderModel

from common.errors import CheckpointError
from common.runtime.weights import download_hint
from magi1.captions import clean_caption

MAX_TOKENS = 800
"""``caption_max_length`` of every published configuration."""


class Caption(NamedTuple):
    """An encoded caption.

    ``embeds`` is float32 of shape [1, tokens, width]; ``mask`` [1, tokens] is 1 where a token is
    and 0 where there is padding.
    """

    embeds: torch.Tensor
    mask: torch.Tensor


class TextEncoder:
    """Turns captions into what the transformer attends to."""

    def __init__(self, tokenizer: Any, model: Any, max_tokens: int = MAX_TOKENS) -> None:
        self.tokenizer = tokenizer
        self.model = model
        self.max_tokens = max_tokens

    @torch.no_grad()
    def encode(self, caption: str) -> Caption:
        """Clean, cut to ``max_tokens``, pad and encode one caption."""
        tokens = self.tokenizer(
            [clean_caption(caption)],
            max_length=self.max_tokens,
            padding="max_length",
            truncation=True,
            return_attention_mask=True,
            return_tensors="pt",
        ).to(self.model.device)
        output = self.model(input_ids=tokens["input_ids"], attention_mask=tokens["attention_mask"])
        return Caption(output.last_hidden_state.float(), tokens["attention_mask"])


def load_text_encoder(
    folder: Path, *, device: torch.device, dtype: torch.dtype, max_tokens: int = MAX_TOKENS
) -> TextEncoder:
    """Read ``ckpt/t5/t5-v1_1-xxl`` of the hub's checkpoint.

    It is published as PyTorch files, which are read as plain tensors: transformers loads them
    with ``weights_only``, so that no code in them can run.

    Raises:
        CheckpointError: a file is missing or damaged.
    """
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
        model = T5EncoderModel.from_pretrained(
            str(folder), dtype=dtype, local_files_only=True, weights_only=True
        )
    except (EOFError, KeyError, OSError, RuntimeError, TypeError, ValueError) as exc:
        raise CheckpointError(
            f"the text encoder {folder.name} is missing or damaged.", hint=download_hint(folder)
        ) from exc
    return TextEncoder(tokenizer, model.to(device).eval().requires_grad_(False), max_tokens)
