"""The tokenizer of Qwen2.5-VL without what it was trained on: its bytes, and one text's words.

It learns the words of HunyuanVideo 1.5's system message, so that what stands before a prompt is 108
tokens long as with the real one, and the pipeline cuts it off where the prompt begins.
"""

import inspect
import json
import tempfile
from pathlib import Path

import common.runtime.libraries  # noqa: F401

from diffusers import HunyuanVideo15Pipeline
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import Qwen2Tokenizer

PAD, BEGIN, END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
CHAT = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}"
    "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
"""What the published ``chat_template.jinja`` makes of texts that begin with a system message."""


def qwen_tokenizer() -> Qwen2Tokenizer:
    """In Qwen's own class; every word of the system message is one token."""
    signature = inspect.signature(HunyuanVideo15Pipeline._get_mllm_prompt_embeds)
    message = signature.parameters["system_message"].default
    vocabulary, merges = _learned(f"system\nuser\nassistant\n{message}")
    tokenizer = Qwen2Tokenizer(
        vocab=vocabulary, merges=merges, eos_token=END, pad_token=PAD, padding_side="right",
        additional_special_tokens=[BEGIN, END],
    )  # fmt: skip
    tokenizer.chat_template = CHAT
    return tokenizer


def _learned(text: str) -> tuple[dict[str, int], list[tuple[str, str]]]:
    learning = Tokenizer(models.BPE())
    learning.pre_tokenizer = Qwen2Tokenizer()._tokenizer.pre_tokenizer
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(initial_alphabet=alphabet, vocab_size=2000, show_progress=False)
    learning.train_from_iterator([text], trainer)
    with tempfile.TemporaryDirectory() as folder:
        learning.model.save(folder)
        vocabulary = json.loads(Path(folder, "vocab.json").read_text("utf-8"))
        lines = Path(folder, "merges.txt").read_text("utf-8").splitlines()[1:]
    pairs = [line.split(" ") for line in lines]
    return vocabulary, [(left, right) for left, right in pairs]
