"""The tokenizers of HunyuanVideo: of Llama 3 and of CLIP, without what they were trained on.

Llama 3's has the bytes, and the words of the pipeline's template: so that is 95 tokens long as with
the real one, and the pipeline cuts it off where the prompt begins.
"""

import json
import re
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import common.runtime.libraries  # noqa: F401

from diffusers.pipelines.hunyuan_video.pipeline_hunyuan_video import DEFAULT_PROMPT_TEMPLATE
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers
from tokenizers.processors import TemplateProcessing
from transformers import CLIPTokenizer, PreTrainedTokenizerFast

BEGIN, END, PAD = "<|begin_of_text|>", "<|end_of_text|>", "<pad>"
SPECIALS = (BEGIN, END, "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", PAD)
SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""How Llama 3 cuts a text before anything else: its ``tokenizer.json``."""

CLIP_BEGIN, CLIP_END = "<|startoftext|>", "<|endoftext|>"
CLIP_TOKENS = 77


def llama_tokenizer() -> PreTrainedTokenizerFast:
    """As it is to be read: see ``hunyuan.tokenizer``."""
    with TemporaryDirectory() as folder:
        write_llama(Path(folder))
        loaded: PreTrainedTokenizerFast = PreTrainedTokenizerFast.from_pretrained(folder)
        return loaded


def write_llama(folder: Path) -> None:
    """``tokenizer.json`` and what stands beside it on the hub."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    _llama().save(str(folder / "tokenizer.json"))
    specials = {"bos_token": BEGIN, "eos_token": END, "pad_token": PAD}
    config = {"tokenizer_class": "LlamaTokenizer", "model_max_length": 8192, **specials}
    _write(folder, {"special_tokens_map": specials, "tokenizer_config": config})


def _llama() -> Tokenizer:
    cut = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    texts = re.split(r"<\|\w+\|>", DEFAULT_PROMPT_TEMPLATE["template"])
    words = {word for text in texts for word, _ in cut.pre_tokenize_str(text)}
    symbols = sorted({*pre_tokenizers.ByteLevel.alphabet(), *words})
    vocabulary = {symbol: index for index, symbol in enumerate(symbols)}
    # With ``ignore_merges`` a word that is in the vocabulary is a token, whatever it is made of.
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[], ignore_merges=True))
    tokenizer.pre_tokenizer = cut
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(text, normalized=False) for text in SPECIALS])
    begin = [(BEGIN, tokenizer.token_to_id(BEGIN))]
    tokenizer.post_processor = TemplateProcessing(single=f"{BEGIN} $A", special_tokens=begin)
    return tokenizer


def clip_tokenizer() -> CLIPTokenizer:
    """One token a byte, each in the middle and at the end of a word; the end has the highest id."""
    return CLIPTokenizer(vocab=_clip_vocabulary(), merges=[], model_max_length=CLIP_TOKENS)


def write_clip(folder: Path) -> None:
    """``vocab.json`` and ``merges.txt``: there is no ``tokenizer.json``."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / "merges.txt").write_text("#version: 0.2\n")
    end = {"eos_token": CLIP_END, "unk_token": CLIP_END, "pad_token": CLIP_END}
    specials = {"bos_token": CLIP_BEGIN, **end}
    config = {"tokenizer_class": "CLIPTokenizer", "model_max_length": CLIP_TOKENS, **specials}
    vocabulary = _clip_vocabulary()
    _write(
        folder, {"vocab": vocabulary, "special_tokens_map": specials, "tokenizer_config": config}
    )


def _clip_vocabulary() -> dict[str, int]:
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    symbols = [*letters, *(f"{letter}</w>" for letter in letters), CLIP_BEGIN, CLIP_END]
    return {symbol: index for index, symbol in enumerate(symbols)}


def _write(folder: Path, files: dict[str, object]) -> None:
    for name, content in files.items():
        text = json.dumps(content, indent=2, ensure_ascii=False)
        (folder / f"{name}.json").write_text(text + "\n", encoding="utf-8")
