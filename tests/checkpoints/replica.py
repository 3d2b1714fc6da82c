"""A repository as ``hf download`` leaves it, at its real size, on files that hold nothing.

Headers, indices and configurations are real; where the values would be there is a hole, so that 100
GB take no disk and no time. Nothing here may read a value.
"""

import json
import struct
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from common.contract import Variant
from common.contract.hub import is_commit
from common.runtime.live_weights import is_component
from common.runtime.safetensors_format import LENGTH_BYTES, make_header
from tests.checkpoints.keys import Tensor, library_tensors, tensors_of
from tests.checkpoints.listing import Listing, listing

BRANCH_COMMIT = "b" * 40
"""What ``main`` is taken to be where no commit is known."""

SHARDS = 2
"""Where a listing does not know how many there are."""

MAGI_VAE = {
    "ddconfig": {
        "video_size": 256,
        "video_length": 16,
        "patch_size": 8,
        "patch_length": 4,
        "in_chans": 3,
        "z_chans": 16,
        "double_z": True,
        "embed_dim": 1024,
        "depth": 24,
        "num_heads": 16,
        "mlp_ratio": 4.0,
        "qkv_bias": True,
        "ln_in_attn": True,
        "conv_last_layer": True,
        "with_cls_token": True,
    }
}
"""Follows from the shapes of its tensors; the file itself is not in the listing."""

T5 = {"vocab_size": 32128, "d_model": 4096, "d_kv": 64, "d_ff": 10240, "num_layers": 24}
T5_XXL = {**T5, "num_heads": 64, "feed_forward_proj": "gated-gelu", "tie_word_embeddings": False}
"""google/t5-v1_1-xxl's, which MAGI-1 has; not in the listing either."""

OTHER_CONFIGS = {
    "ckpt/vae/config.json": MAGI_VAE,
    "ckpt/t5/t5-v1_1-xxl/config.json": {"architectures": ["T5EncoderModel"], **T5_XXL},
}


def snapshot_folder(models_dir: Path, repository: str, revision: str) -> Path:
    """Where ``hf download --revision`` puts a repository; ``main`` gets a file that names it."""
    folder = models_dir / f"models--{repository.replace('/', '--')}"
    commit = revision if is_commit(revision) else BRANCH_COMMIT
    if not is_commit(revision):
        (folder / "refs").mkdir(parents=True, exist_ok=True)
        (folder / "refs" / revision).write_text(commit)
    return folder / "snapshots" / commit


def make_replica(models_dir: Path, variant: Variant, skip: Collection[str] = ()) -> Path:
    """Build a variant's repository, but for the sets of weights in ``skip``; answer its folder."""
    known = listing(variant.checkpoint)
    snapshot = snapshot_folder(models_dir, variant.checkpoint, variant.revision)
    _write_configs(snapshot, known)
    for name in known.weights:
        if known.weights[name]["keys"] and name not in skip and not _is_other_form(known, name):
            write_weights(snapshot, known, name, stored_tensors(known, name))
    return snapshot


def _is_other_form(known: Listing, name: str) -> bool:
    """Single files at the root, which repeat the folders' weights."""
    return "model_index.json" in known.configs and known.folder_of(name).endswith(".safetensors")


def stored_tensors(known: Listing, name: str) -> list[Tensor]:
    """The tensors of one set of weights, in the order of its files."""
    return tensors_of(known.weights[name], _library_names(known, name))


def _library_names(known: Listing, name: str) -> Mapping[str, tuple[int, ...]]:
    folder = known.folder_of(name)
    if folder == "ckpt/t5/t5-v1_1-xxl":
        return library_tensors("transformers", "T5EncoderModel", json.dumps(T5_XXL))
    entry = known.configs.get("model_index.json", {}).get(folder)
    if not is_component(entry) or name != folder:  # no component, or an old set beside the live one
        return {}
    return library_tensors(*entry, json.dumps(known.configs[f"{folder}/config.json"]))


def write_weights(
    snapshot: Path, known: Listing, name: str, tensors: Sequence[Tensor], folder: str | None = None
) -> None:
    """Write a set's files: one, or shards and their index."""
    weights = known.weights[name]
    place = snapshot / (known.folder_of(name) if folder is None else folder)
    index = weights["index"]
    if index is None:
        write_file(place / known.single_file(name), tensors)
        return
    stem = index.removesuffix(".safetensors.index.json").removesuffix(".bin.index.json")
    stem = "model" if stem == "pytorch_model" else stem  # as scripts/convert_pickles.py leaves it
    _write_shards(place, stem, tensors, weights["shards"] or SHARDS)


def _write_shards(folder: Path, stem: str, tensors: Sequence[Tensor], count: int) -> None:
    weight_map: dict[str, str] = {}
    length = -(-len(tensors) // count)
    for at in range(count):
        part = tensors[at * length : (at + 1) * length]
        file = f"{stem}-{at + 1:05}-of-{count:05}.safetensors"
        write_file(folder / file, part)
        weight_map |= {tensor.name: file for tensor in part}
    total = sum(tensor.size for tensor in tensors)
    text = json.dumps({"metadata": {"total_size": total}, "weight_map": weight_map})
    (folder / f"{stem}.safetensors.index.json").write_text(text)


def write_file(path: Path, tensors: Iterable[Tensor], *, bare: bool = False) -> None:
    """A header, and a hole for the values. ``bare``: without the usual ``__metadata__``."""
    tensors = list(tensors)
    header = make_header((each.name, each.dtype, each.shape, each.size) for each in tensors)
    if bare:
        header = _without_metadata(header)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(header)
        file.truncate(len(header) + sum(tensor.size for tensor in tensors))


def _without_metadata(header: bytes) -> bytes:
    entries = json.loads(header[LENGTH_BYTES:])
    del entries["__metadata__"]
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-len(text) % LENGTH_BYTES)
    return struct.pack("<Q", len(text)) + text


def _write_configs(snapshot: Path, known: Listing) -> None:
    others = {path: config for path, config in OTHER_CONFIGS.items() if path in known.files}
    configs: dict[str, Any] = {**known.configs, **others}
    for path, config in configs.items():
        if not path.startswith("github:"):
            (snapshot / path).parent.mkdir(parents=True, exist_ok=True)
            (snapshot / path).write_text(json.dumps(_with_class(known, path, config)))


def _with_class(known: Listing, path: str, config: Any) -> Any:
    """The listing leaves out the class where it is the one of the index."""
    entry = known.configs.get("model_index.json", {}).get(path.rpartition("/")[0])
    if is_component(entry) and entry[0] != "transformers":
        return {"_class_name": entry[1], **config}
    return config
