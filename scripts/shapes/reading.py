"""Captions become embeddings while a model is trained: fast, and exactly as the pipelines do it."""

from collections.abc import Sequence
from typing import Any

import common.runtime.libraries  # noqa: F401

import torch
from diffusers import WanTransformer3DModel
from diffusers.models.transformers.transformer_wan import WanAttnProcessor
from transformers import T5TokenizerFast, UMT5Config, UMT5EncoderModel

from scripts.shapes.words import tokenizer

TEXT_DIM = 64
TEXT_TOKENS = 512
"""The pipelines pad prompts to so many tokens with zeros, and let them be attended to."""


class PaddedWords(WanAttnProcessor):  # type: ignore[misc]  # untyped base
    """Cross attention in which one zero row stands for all: it weighs as much as they would."""

    bias: torch.Tensor | None = None

    def __call__(self, *args: Any) -> torch.Tensor:
        """As of ``WanAttnProcessor``, whose callers give no mask."""
        attended: torch.Tensor = super().__call__(*args[:3], attention_mask=self.bias)
        return attended


def new_text_encoder(vocabulary: int) -> UMT5EncoderModel:
    """With random weights, for a vocabulary of so many pieces."""
    return UMT5EncoderModel(
        UMT5Config(
            vocab_size=vocabulary, d_model=TEXT_DIM, d_kv=16, d_ff=128, num_layers=2, num_heads=4
        )
    )


class Reading:
    """A tokenizer, a text encoder with random weights, and a transformer that is told of both."""

    def __init__(self, transformer: WanTransformer3DModel) -> None:
        self.tokenizer: T5TokenizerFast = tokenizer()
        self.text_encoder = new_text_encoder(len(self.tokenizer))
        self.padding = 1.0
        """How much the missing tokens weigh: the logarithm's share, 0 is one token's."""
        self._processor = PaddedWords()
        for block in transformer.blocks:
            block.attn2.set_processor(self._processor)

    def embeds(self, captions: Sequence[str]) -> torch.Tensor:
        """``prompt_embeds`` [B, L + 1, C]: behind them a zero row, which weighs as all that miss.

        The transformer's next pass must be for them.
        """
        tokens = self.tokenizer(list(captions), padding=True, return_tensors="pt")
        mask = tokens.attention_mask
        hidden = self.text_encoder(tokens.input_ids, mask).last_hidden_state * mask[..., None]
        weights = torch.where(mask > 0, 0.0, -torch.inf)
        missing = self.padding * torch.log(TEXT_TOKENS - mask.sum(1, keepdim=True).float())
        self._processor.bias = torch.cat([weights, missing], 1)[:, None, None]
        return torch.cat([hidden, torch.zeros_like(hidden[:, :1])], 1)

    def without_weights(self) -> None:
        """Let the next pass attend to all rows alike, as in the pipelines."""
        self._processor.bias = None
