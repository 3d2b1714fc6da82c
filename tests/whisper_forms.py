"""Whisper tiny.en from CTranslate2's form into that of transformers: the same weights, other names.

The binary form is that of CTranslate2's ``model_spec.py``, version 6: a name and a revision of the
model, then each variable with its name, shape, type and bytes.
"""

import common.runtime.libraries  # noqa: F401

# isort: split

import json
import shutil
import struct
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from transformers import (
    GenerationConfig,
    WhisperConfig,
    WhisperFeatureExtractor,
    WhisperForConditionalGeneration,
)

Weights = dict[str, torch.Tensor]
_TYPES = (np.float32, np.int8, np.int16, np.int32, np.float16)
_END, _START, _PREVIOUS, _NO_TIMES = 50256, 50257, 50360, 50362
"""Tokens of the English checkpoints."""


def to_transformers(source: Path, folder: Path) -> Path:
    """Write the checkpoint of ``source`` into ``folder`` as transformers has it."""
    said = json.loads((source / "config.json").read_text())
    sides = {
        f"{side}_{what}": value
        for side in ("encoder", "decoder")
        for what, value in (("layers", 4), ("attention_heads", 6), ("ffn_dim", 1536))
    }
    tokens = {"bos_token_id": _END, "eos_token_id": _END, "pad_token_id": _END}
    tokens["decoder_start_token_id"] = _START
    model = WhisperForConditionalGeneration(
        WhisperConfig(vocab_size=51864, d_model=384, **sides, **tokens)
    )
    model.load_state_dict(_renamed(_read(source / "model.bin")))
    model.generation_config = GenerationConfig(
        **tokens,
        max_length=448,
        suppress_tokens=said["suppress_ids"],
        begin_suppress_tokens=said["suppress_ids_begin"],
        alignment_heads=said["alignment_heads"],
        is_multilingual=False,
        no_timestamps_token_id=_NO_TIMES,
        prev_sot_token_id=_PREVIOUS,
        max_initial_timestamp_index=50,
        return_timestamps=False,
    )
    model.save_pretrained(folder)
    WhisperFeatureExtractor(feature_size=80).save_pretrained(folder)
    shutil.copy(source / "tokenizer.json", folder)
    end = dict.fromkeys(("bos_token", "eos_token", "unk_token", "pad_token"), "<|endoftext|>")
    tokenizer = {"tokenizer_class": "WhisperTokenizer", **end}
    (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer))
    return folder


def _read(path: Path) -> Weights:
    with path.open("rb") as file:
        _number(file, "I")
        _name(file)
        _number(file, "I")
        return dict(_variable(file) for _ in range(_number(file, "I")))


def _variable(file: BinaryIO) -> tuple[str, torch.Tensor]:
    name = _name(file)
    shape = [_number(file, "I") for _ in range(_number(file, "B"))]
    kind = _TYPES[_number(file, "B")]
    values = np.frombuffer(file.read(_number(file, "I")), kind)
    return name, torch.from_numpy(values.reshape(shape).astype(np.float32))


def _number(file: BinaryIO, form: str) -> int:
    [number] = struct.unpack(form, file.read(struct.calcsize(form)))
    return int(number)


def _name(file: BinaryIO) -> str:
    return file.read(_number(file, "H")).rstrip(b"\0").decode()


def _renamed(theirs: Weights) -> Weights:
    own: Weights = {}
    for name, values in theirs.items():
        if values.dim() == 0:  # a setting
            continue
        path, _, what = name.rpartition("/")
        what = {"gamma": "weight", "beta": "bias"}.get(what, what)
        for part, piece in _parts(path.replace("layer_norm", "norm"), values):
            if not (part.endswith("k_proj") and what == "bias"):  # it has none: zeros here
                own[f"model.{part}.{'weight' if what == 'encodings' else what}"] = piece
    own["proj_out.weight"] = own["model.decoder.embed_tokens.weight"]
    return own


def _parts(path: str, values: torch.Tensor) -> list[tuple[str, torch.Tensor]]:
    """One matrix of theirs may be several of ours."""
    path = path.replace("layer_", "layers.").replace("/", ".")
    for theirs, ours in {
        "self_attention.norm": "self_attn_layer_norm",
        "ffn.norm": "final_layer_norm",
        "attention.norm": "encoder_attn_layer_norm",
        "ffn.linear_0": "fc1",
        "ffn.linear_1": "fc2",
        "self_attention.linear_1": "self_attn.out_proj",
        "attention.linear_2": "encoder_attn.out_proj",
        "position_encodings": "embed_positions",
        "embeddings": "embed_tokens",
        ".norm": ".layer_norm",
    }.items():
        if path.endswith(theirs):
            return [(path.removesuffix(theirs) + ours, values)]
    for theirs, ours, letters in (
        ("self_attention.linear_0", "self_attn", "qkv"),
        ("attention.linear_0", "encoder_attn", "q"),
        ("attention.linear_1", "encoder_attn", "kv"),
    ):
        if path.endswith(theirs):
            stem = path.removesuffix(theirs) + ours
            pieces = values.chunk(len(letters))
            named = [f"{stem}.{letter}_proj" for letter in letters]
            return list(zip(named, pieces, strict=True))
    return [(path, values)]
