"""Captions become embeddings while a model is trained: fast, and exactly as the pipelines do it."""

from collections.abc import Sequence

import common.runtime.libraries  # noqa: F401

import torch
from transformers import T5TokenizerFast, UMT5Config, UMT5EncoderModel

from scripts.shapes.words import tokenizer

TEXT_DIM = 64


def new_text_encoder(vocabulary: int) -> UMT5EncoderModel:
    """With random weights, for a vocabulary of so many pieces."""
    return UMT5EncoderModel(
        UMT5Config(
            vocab_size=vocabulary, d_model=TEXT_DIM, d_kv=16, d_ff=128, num_layers=2, num_heads=4
        )
    )


class Reading:
    """A tokenizer, and a text encoder with random weights."""

    def __init__(self) -> None:
        self.tokenizer: T5TokenizerFast = tokenizer()
        self.text_encoder = new_text_encoder(len(self.tokenizer))

    def embeds(self, captions: Sequence[str]) -> tuple[torch.Tensor, torch.Tensor]:
        """``prompt_embeds`` [B, L, C] and which of them are words, [B, L]; the others are zeros.

        The pipelines have more zeros; who hears none (``hearing``) misses none.
        """
        tokens = self.tokenizer(list(captions), padding=True, return_tensors="pt")
        words = tokens.attention_mask
        hidden = self.text_encoder(tokens.input_ids, words).last_hidden_state
        return hidden * words[..., None], words
