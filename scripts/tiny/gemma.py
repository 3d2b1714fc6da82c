"""A tiny Gemma 3, the text encoder of LTX-2: its own classes, one token a character."""

import string

import common.runtime.libraries  # noqa: F401

from tokenizers.processors import TemplateProcessing
from transformers import (
    Gemma3Config,
    Gemma3ForConditionalGeneration,
    Gemma3ImageProcessor,
    Gemma3Processor,
    GemmaTokenizerFast,
    GenerationConfig,
)

TEXT_DIM = 32
TEXT_LAYERS = 2
MAX_TOKENS = 1024
IMAGE_SIDE = 14
SPACE = "\u2581"
"""SentencePiece's mark for a space."""
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ message.role }}: "
    "{% if message.content is string %}{{ message.content[:80] }}"
    "{% else %}{% for part in message.content %}"
    "{% if part.type == 'image' %}<start_of_image>{% else %}{{ part.text }}{% endif %}"
    "{% endfor %}{% endif %} {% endfor %}"
    "{% if add_generation_prompt %}model: {% endif %}"
)
"""A conversation, its texts cut: with a token a character they are long. Pictures as in Gemma's."""
_SPECIALS = ("<pad>", "<eos>", "<bos>", "<unk>", "<mask>")
_IMAGE_TOKENS = ("<start_of_image>", "<end_of_image>", "<image_soft_token>")
_IMAGE_NAMES = ("boi_token", "eoi_token", "image_token")


def _vocabulary() -> dict[str, int]:
    characters = sorted(set(string.printable) - set(string.whitespace))
    symbols = [*_SPECIALS, SPACE, *characters, *_IMAGE_TOKENS]
    return {symbol: index for index, symbol in enumerate(symbols)}


def tokenizer() -> GemmaTokenizerFast:
    """Gemma's class over the printable ASCII characters; any other character is ``<unk>``.

    It puts ``<bos>`` first, as the real one does: the encoder never sees an empty text.
    """
    vocabulary = _vocabulary()
    gemma = GemmaTokenizerFast(
        vocab=vocabulary,
        merges=[],
        model_max_length=MAX_TOKENS,
        extra_special_tokens=dict(zip(_IMAGE_NAMES, _IMAGE_TOKENS, strict=True)),
    )
    gemma.chat_template = CHAT_TEMPLATE
    gemma.backend_tokenizer.post_processor = TemplateProcessing(
        single="<bos> $A", special_tokens=[("<bos>", vocabulary["<bos>"])]
    )
    return gemma


def processor() -> Gemma3Processor:
    """Of LTX-2.3's repository: text and pictures, as ``text_encoder`` takes them."""
    pictures = Gemma3ImageProcessor(size={"height": IMAGE_SIDE, "width": IMAGE_SIDE})
    return Gemma3Processor(pictures, tokenizer(), image_seq_length=1)


def text_encoder() -> Gemma3ForConditionalGeneration:
    """All of Gemma 3, the vision tower too: the hub's checkpoint bundles it.

    What it writes ends at some digits too: a random one rarely comes to its end.
    """
    vocabulary = _vocabulary()
    text = {
        "vocab_size": len(vocabulary),
        "hidden_size": TEXT_DIM,
        "intermediate_size": 64,
        "num_hidden_layers": TEXT_LAYERS,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 16,
        "max_position_embeddings": 2 * MAX_TOKENS,
    }
    vision = {
        "hidden_size": TEXT_DIM,
        "intermediate_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "image_size": IMAGE_SIDE,
        "patch_size": IMAGE_SIDE,
    }
    start, end, soft = (vocabulary[token] for token in _IMAGE_TOKENS)
    config = Gemma3Config(
        text_config=text,
        vision_config=vision,
        mm_tokens_per_image=1,
        boi_token_index=start,
        eoi_token_index=end,
        image_token_index=soft,
    )
    gemma = Gemma3ForConditionalGeneration(config).eval()
    ends = [vocabulary[symbol] for symbol in ("<eos>", *"0123")]
    gemma.generation_config = GenerationConfig(eos_token_id=ends)
    return gemma
