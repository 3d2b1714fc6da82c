"""MAGI-1's text encoder: T5-v1.1-XXL over cleaned captions, padded to 800 tokens.

Source: SandAI-org/MAGI-1, inference/model/t5/t5_model.py and prompt_process.py.
"""

from pathlib import Path
from typing import NamedTuple

import common.runtime.libraries  # noqa: F401

import torch
from sentencepiece import SentencePieceProcessor
from transformers import T5EncoderModel

from common.base.errors import CheckpointError
from common.runtime.components import Component
from common.runtime.live_weights import Naming
from common.runtime.weights import checkpoint_name, damaged, missing
from magi1.captions import clean_caption

MAX_TOKENS = 800
"""``caption_max_length`` of every published configuration."""

_PADDING, _END = 0, 1
"""T5's ids of ``<pad>`` and ``</s>``."""


class Caption(NamedTuple):
    """An encoded caption.

    ``embeds`` is float32 of shape [1, tokens, width]; ``mask`` [1, tokens] is 1 where a token is
    and 0 where there is padding.
    """

    embeds: torch.Tensor
    mask: torch.Tensor


class TextEncoder:
    """Turns captions into what the transformer attends to.

    Text is cut into tokens by SentencePiece itself, by the model that the checkpoint holds:
    transformers 5 can only read that through protobuf.
    """

    def __init__(
        self,
        tokenizer: SentencePieceProcessor,
        model: T5EncoderModel,
        max_tokens: int = MAX_TOKENS,
    ) -> None:
        self.tokenizer = tokenizer
        self.model = model
        self.max_tokens = max_tokens

    @torch.no_grad()
    def encode(self, caption: str) -> Caption:
        """Clean, cut to ``max_tokens``, pad and encode one caption."""
        tokens = self.tokens_of(caption)
        padding = [_PADDING] * (self.max_tokens - len(tokens))
        input_ids = torch.tensor([tokens + padding], device=self.model.device)
        mask = (torch.arange(self.max_tokens) < len(tokens))[None].to(input_ids)
        embeds = self.model(input_ids=input_ids, attention_mask=mask).last_hidden_state
        return Caption(embeds.float(), mask)

    def tokens_of(self, caption: str) -> list[int]:
        """Ids of the cleaned caption, cut where needed, with ``</s>`` at the end."""
        tokens: list[int] = self.tokenizer.encode(clean_caption(caption))
        return [*tokens[: self.max_tokens - 1], _END]


def text_encoder_component(folder: Path) -> Component:
    """``ckpt/t5/t5-v1_1-xxl`` of the hub's checkpoint, for a loader.

    It is published as PyTorch's pickles, which may run code when they are read. They are turned
    into safetensors once, when they are downloaded (``scripts/convert_pickles.py``).

    Raises:
        CheckpointError: that has not been done.
    """
    weights = Naming.TRANSFORMERS.in_order
    if any(folder.glob("*.bin")) and not any((folder / name).exists() for name in weights):
        raise CheckpointError(
            f"the text encoder {folder.name} of {checkpoint_name(folder)} is there as PyTorch "
            "files (.bin) only; the service reads safetensors.",
            hint="Run scripts/download_models.sh magi1 once: it converts them.",
        )
    return Component("text_encoder", T5EncoderModel, folder)


def load_tokenizer(folder: Path) -> SentencePieceProcessor:
    """Read ``spiece.model``, which cuts captions into tokens. Raises CheckpointError."""
    path = folder / "spiece.model"
    if not path.is_file():
        raise missing(folder, f"{folder.name}/{path.name} is missing")
    try:
        return SentencePieceProcessor(model_file=str(path))
    except (OSError, RuntimeError) as exc:
        raise damaged(folder, f"{folder.name}/{path.name} cannot be read") from exc
