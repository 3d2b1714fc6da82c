"""A tiny T5 v1.1 in the files of ``ckpt/t5/t5-v1_1-xxl``: PyTorch shards and spiece.model.

The shards are converted to safetensors as ``scripts/download_models.sh`` does it.
"""

import io
import json
import string
from pathlib import Path

import common.runtime.libraries  # noqa: F401

import sentencepiece
import torch
from transformers import T5Config, T5EncoderModel

from scripts.convert_pickles import convert

TEXT_DIM = 32
_SHARDS = 2


def save_text_encoder(folder: Path) -> None:
    """Write model and tokenizer."""
    folder.mkdir(parents=True)
    _save_tokenizer(folder)
    config = T5Config(
        vocab_size=256,
        d_model=TEXT_DIM,
        d_kv=8,
        d_ff=64,
        num_layers=2,
        num_heads=4,
        feed_forward_proj="gated-gelu",
        tie_word_embeddings=False,
    )
    config.architectures = ["T5EncoderModel"]
    config.save_pretrained(folder)
    _save_shards(T5EncoderModel(config).eval().state_dict(), folder)
    convert(folder)


def _save_shards(weights: dict[str, torch.Tensor], folder: Path) -> None:
    """``pytorch_model-0000N-of-00002.bin`` and their index, as DeepFloyd published them."""
    names = sorted(weights)
    weight_map: dict[str, str] = {}
    for shard in range(_SHARDS):
        file = f"pytorch_model-{shard + 1:05}-of-{_SHARDS:05}.bin"
        kept = {name: weights[name].clone() for name in names[shard::_SHARDS]}
        torch.save(kept, folder / file)
        weight_map |= dict.fromkeys(kept, file)
    size = sum(weight.numel() * weight.element_size() for weight in weights.values())
    index = {"metadata": {"total_size": size}, "weight_map": weight_map}
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps(index, indent=2) + "\n")


def _save_tokenizer(folder: Path) -> None:
    """SentencePiece over the printable ASCII characters; ids 0, 1, 2 as in T5."""
    model = io.BytesIO()
    characters = sorted(set(string.printable) - set(string.whitespace))
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([" ".join(characters)]),
        model_writer=model,
        model_type="char",
        vocab_size=len(characters) + 4,
        character_coverage=1.0,
        pad_id=0,
        eos_id=1,
        unk_id=2,
        bos_id=-1,
        minloglevel=2,
    )
    (folder / "spiece.model").write_bytes(model.getvalue())
    specials = {"eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
    (folder / "special_tokens_map.json").write_text(json.dumps(specials, indent=2) + "\n")
    tokenizer = {"tokenizer_class": "T5Tokenizer", "extra_ids": 100, **specials}
    (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer, indent=2) + "\n")
